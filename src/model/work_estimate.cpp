#include "model/work_estimate.h"

#include <c10/core/ScalarType.h>

#include <algorithm>

#include "core/phase.h"
#include "model/cpu/integers.h"
#include "model/cpu/linear.h"
#include "model/cpu_kernels.h"
#include "model/pack_plan.h"

namespace armorm::model {
namespace {

std::int64_t qkv_parameters(const ModelConfig& c) {
  return c.hidden_size * (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
}

std::int64_t kv_parameters(const ModelConfig& c) {
  return 2 * c.hidden_size * c.num_key_value_heads * c.head_dim;
}

std::int64_t output_and_mlp_parameters(const ModelConfig& c) {
  return c.hidden_size * c.num_attention_heads * c.head_dim + 3 * c.hidden_size * c.intermediate_size;
}

std::int64_t layer_parameters(const ModelConfig& c) {
  return qkv_parameters(c) + output_and_mlp_parameters(c);
}

// Number of keys that the queries at positions [begin, end) see, at most `window` each (0 = all).
double visible_keys(std::int64_t begin, std::int64_t end, std::int64_t window) {
  const auto triangle = [](std::int64_t n) {
    return 0.5 * static_cast<double>(n) * static_cast<double>(n + 1);
  };
  if (window <= 0 || end <= window) return triangle(end) - triangle(begin);
  const std::int64_t full = std::max(begin, window);
  const double partial = begin < window ? triangle(window) - triangle(begin) : 0.0;
  return partial + static_cast<double>(end - full) * static_cast<double>(window);
}

bool slides(const ModelConfig& c, std::int64_t layer) {
  return c.sliding_window > 0 && static_cast<std::size_t>(layer) < c.layer_is_sliding.size() &&
         c.layer_is_sliding[static_cast<std::size_t>(layer)];
}

// The last layer has queries at the wanted rows only.
double attention_flops(const ModelConfig& c, std::span<const PlannedSequence> pack,
                       std::span<const ExtractionRequest> requests) {
  double keys = 0.0;
  for (const PlannedSequence& sequence : pack) {
    const auto length = static_cast<std::int64_t>(sequence.tokens.size());
    for (std::int64_t layer = 0; layer + 1 < c.num_hidden_layers; ++layer)
      keys += visible_keys(sequence.shared, length, slides(c, layer) ? c.sliding_window : 0);
    const std::int64_t last_window = slides(c, c.num_hidden_layers - 1) ? c.sliding_window : 0;
    for (const std::size_t r : sequence.requests)
      for (const std::int64_t position : requests[r].wanted)
        keys += visible_keys(position, position + 1, last_window);
  }
  return 4.0 * static_cast<double>(c.num_attention_heads * c.head_dim) * keys;
}

// Gates and up projections take one byte, the other matrices two. Each output has a scale and an offset,
// those of one byte for each group of inputs. (Longer products of two bytes have a few more.)
std::uint64_t int8_bytes(const ModelConfig& c, std::int64_t products, std::int64_t channels) {
  const std::int64_t gated = 2 * c.intermediate_size;
  const std::int64_t more_groups = (c.hidden_size - 1) / cpu::inputs_of_group(cpu::Integers::int8);
  return static_cast<std::uint64_t>(2 * products - c.num_hidden_layers * gated * c.hidden_size +
                                    8 * c.num_hidden_layers * (channels + gated * more_groups));
}

}  // namespace

std::int64_t parameter_count(const ModelConfig& c) {
  const ArchitectureFacts& facts = c.facts();
  const std::int64_t norms =
      (facts.norms_of_outputs ? 4 : 2) * c.hidden_size + (facts.norms_of_heads ? 2 * c.head_dim : 0);
  std::int64_t biases = c.qkv_bias ? qkv_parameters(c) / c.hidden_size : 0;
  if (c.o_bias) biases += c.hidden_size;
  if (c.mlp_bias) biases += 2 * c.intermediate_size + c.hidden_size;
  return c.vocab_size * c.hidden_size + c.num_hidden_layers * (layer_parameters(c) + norms + biases) +
         c.hidden_size;
}

std::uint64_t weight_bytes(const ModelConfig& c, Precision precision, int device) {
  const std::int64_t products = c.num_hidden_layers * layer_parameters(c);
  const std::int64_t others = parameter_count(c) - products;
  if (precision == Precision::fp32) return static_cast<std::uint64_t>(4 * (products + others));
  if (precision == Precision::bf16) return static_cast<std::uint64_t>(2 * (products + others));
  const std::int64_t channels = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim +
                                2 * c.hidden_size + 2 * c.intermediate_size;
  if (precision == Precision::int8)
    return int8_bytes(c, products, channels) + static_cast<std::uint64_t>(2 * others);
  const bool widened = device == -1 && model::cpu::linear_kernel(kernels_in_use(), at::kFloat) != nullptr;
  return static_cast<std::uint64_t>((widened ? 4 : 1) * products + 4 * c.num_hidden_layers * channels +
                                    2 * others);
}

WorkEstimate estimate_work(const ModelConfig& config, const BackboneOptions& options,
                           std::span<const ExtractionRequest> requests, std::int64_t batch_tokens) {
  WorkEstimate work;
  for (const ExtractionRequest& request : requests)
    work.input_tokens += static_cast<std::int64_t>(request.tokens.size());
  std::int64_t wanted = 0;
  const std::int64_t max_blocks = max_pack_blocks(options.device < 0);
  const std::vector<PlannedSequence> sequences =
      plan_sequences(requests, why_no_shared_prefixes(config, options).empty(), max_blocks);
  Phase phase("estimating the work", std::ssize(sequences), "sequences");
  for (std::span<const PlannedSequence> rest(sequences); !rest.empty();) {
    phase.advance_to(std::ssize(sequences) - std::ssize(rest));
    const auto pack = first_pack(rest, batch_tokens, max_blocks);
    const PackedBatch batch = lay_out(pack, requests);
    work.computed_tokens += static_cast<std::int64_t>(batch.tokens.size());
    wanted += static_cast<std::int64_t>(batch.wanted.size());
    work.attention_flops += attention_flops(config, pack, requests);
    rest = rest.subspan(pack.size());
  }
  const auto tokens = static_cast<double>(work.computed_tokens);
  work.matmul_flops =
      2.0 *
      (tokens * static_cast<double>((config.num_hidden_layers - 1) * layer_parameters(config) +
                                    kv_parameters(config)) +
       static_cast<double>(wanted) * static_cast<double>(layer_parameters(config) - kv_parameters(config)));
  return work;
}

}  // namespace armorm::model
