#include "armorm/model/extractor.h"

#include <c10/util/Exception.h>

#include <algorithm>
#include <chrono>

#include "armorm/core/error.h"
#include "armorm/core/log.h"
#include "model/pack_plan.h"

namespace armorm {
namespace {

using Pack = std::span<const PlannedSequence>;

// On a CPU a pack needs only to be large enough to keep the matrix products busy; larger ones fall out of the
// caches.
constexpr std::int64_t kCpuBatchTokens = 2048;
constexpr std::int64_t kMaxDeviceBatchTokens = 131072;

// Activations alive at once, per token: the residual stream, the normalised input, q/k/v and the gate-up
// product with its activation, in two bytes (bf16) each, doubled for temporaries.
std::int64_t device_budget(const Backbone& backbone) {
  const ModelConfig& c = backbone.config();
  const std::int64_t qkv = (c.num_attention_heads + 2 * c.num_key_value_heads) * c.head_dim;
  const std::int64_t per_token = 2 * 2 * (3 * c.hidden_size + 2 * qkv + 3 * c.intermediate_size);
  return std::clamp<std::int64_t>(backbone.free_memory() / per_token * 3 / 4, 2048, kMaxDeviceBatchTokens);
}

void deliver(Pack pack, std::span<const ExtractionRequest> requests, MatrixView<const float> rows,
             const Extractor::Sink& sink) {
  std::int64_t row = 0;
  for (const PlannedSequence& sequence : pack) {
    for (const std::size_t r : sequence.requests) {
      const auto n = static_cast<std::int64_t>(requests[r].wanted.size());
      sink(r, {rows.data + row * rows.row_stride, n, rows.cols, rows.row_stride});
      row += n;
    }
  }
}

void check(std::span<const ExtractionRequest> requests) {
  for (std::size_t r = 0; r < requests.size(); ++r) {
    const auto n = static_cast<std::int64_t>(requests[r].tokens.size());
    if (n == 0) fail_internal("extraction request {} has no tokens", r);
    for (const std::int64_t position : requests[r].wanted)
      if (position < 0 || position >= n)
        fail_internal("extraction request {} wants token {} of {}", r, position, n);
  }
}

}  // namespace

Extractor::Extractor(const Backbone& backbone, const ExtractorOptions& options)
    : backbone_(backbone), options_(options), budget_(options.batch_tokens) {
  if (budget_ == 0) budget_ = backbone.device_name() == "cpu" ? kCpuBatchTokens : device_budget(backbone);
}

ExtractionStats Extractor::run(std::span<const ExtractionRequest> requests, const Sink& sink,
                               const ExtractionCursor& start_at, const AfterPass& after_pass) {
  check(requests);
  if (start_at.budget > 0) budget_ = start_at.budget;
  const auto start = std::chrono::steady_clock::now();
  ExtractionStats stats;
  stats.requests = static_cast<std::int64_t>(requests.size());
  for (const ExtractionRequest& request : requests)
    stats.input_tokens += static_cast<std::int64_t>(request.tokens.size());

  const std::vector<PlannedSequence> sequences = plan_sequences(requests, options_.share_prefixes);
  if (start_at.next_sequence > sequences.size())
    fail_internal("an extraction of {} sequences cannot go on from sequence {}", sequences.size(), start_at.next_sequence);
  std::vector<float> rows;
  for (Pack rest = Pack(sequences).subspan(start_at.next_sequence); !rest.empty();) {
    const Pack pack = first_pack(rest, budget_);
    const PackedBatch batch = lay_out(pack, requests);
    const std::int64_t hidden_size = backbone_.config().hidden_size;
    rows.resize(batch.wanted.size() * static_cast<std::size_t>(hidden_size));
    const MatrixView<float> view(rows.data(), static_cast<std::int64_t>(batch.wanted.size()), hidden_size);
    try {
      backbone_.embed(batch, view);
    } catch (const c10::OutOfMemoryError&) {
      if (pack.size() == 1)
        fail_internal(
            "a sequence of {} tokens does not fit the memory of {}; lower --seq_len, or use a larger device",
            pack.front().tokens.size(), backbone_.device_name());
      budget_ = static_cast<std::int64_t>(batch.tokens.size()) / 2;
      log::warn("out of device memory: going on with packs of {} tokens", budget_);
      continue;
    }
    deliver(pack, requests, view, sink);
    stats.computed_tokens += static_cast<std::int64_t>(batch.tokens.size());
    ++stats.passes;
    rest = rest.subspan(pack.size());
    if (after_pass && !after_pass({sequences.size() - rest.size(), budget_})) break;
  }
  stats.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return stats;
}

}  // namespace armorm
