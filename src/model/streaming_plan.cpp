#include "model/streaming_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/units.h"
#include "core/words.h"
#include "model/cpu/integers.h"
#include "model/host_memory.h"
#include "model/work_estimate.h"

namespace armorm::model {
namespace {

constexpr int kOnCpu = -1;
constexpr double kSweepsPerLoading = 10.0;
// Of the free memory, for `weights_memory` auto: the rest is for activations, hidden states and the disk's
// cache.
constexpr double kFractionOfFree = 0.75;

std::uint64_t bytes(std::int64_t count) { return static_cast<std::uint64_t>(count); }

std::int64_t bytes_of_element(Precision precision) { return precision == Precision::fp32 ? 4 : 2; }

// As it is loaded, with its norms.
std::uint64_t layer_bytes(const ModelConfig& config, Precision precision) {
  ModelConfig more = config;
  more.num_hidden_layers += 1;
  return weight_bytes(more, precision, kOnCpu) - weight_bytes(config, precision, kOnCpu);
}

// Copies of the largest matrix while it is laid out and, for an adapter, while its update is added to a half.
std::uint64_t loading_bytes(const ModelConfig& c, Precision precision, bool merges) {
  const std::int64_t elements = 2 * c.intermediate_size * c.hidden_size;
  const std::int64_t group =
      2 * c.intermediate_size * std::min(c.hidden_size, cpu::inputs_of_group(cpu::Integers::int8));
  std::int64_t total = elements * bytes_of_element(precision);
  if (precision == Precision::int8) total += 2 * elements + 12 * group;
  if (precision == Precision::fp8) total += 9 * elements;
  if (merges) total += 8 * elements / 2;
  return bytes(total);
}

bool stays_in_file(const ModelConfig& config, const WeightsFolder& files) {
  const std::string table = fmt::format("model.{}.weight", config.facts().names.embedding);
  return files.contains(table) && !files.mapped_bytes(table).empty();
}

// Norms in float32 and what else is there at all times.
std::uint64_t fixed_bytes(const ModelConfig& c, Precision precision, const WeightsFolder& files) {
  const std::int64_t norms = 4 * c.hidden_size * (4 * c.num_hidden_layers + 1);
  const std::int64_t table = c.vocab_size * c.hidden_size * bytes_of_element(precision);
  return bytes(norms) + (stays_in_file(c, files) ? 0 : bytes(table));
}

std::vector<bool> spread(std::int64_t layers, std::int64_t staying) {
  std::vector<bool> streamed;
  const std::int64_t count = layers - staying;
  for (std::int64_t i = 0; i < layers; ++i) streamed.push_back((i + 1) * count / layers > i * count / layers);
  return streamed;
}

std::uint64_t stored_bytes_of(const WeightsFolder& files, const std::vector<bool>& streamed) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < streamed.size(); ++i)
    for (const std::string& name : streamed[i] ? files.names_of_layer(i) : std::vector<std::string>())
      total += files.stored_bytes(name);
  return total;
}

std::uint64_t least_bytes(const ModelConfig& config, Precision precision, const WeightsFolder& files) {
  return fixed_bytes(config, precision, files) + 2 * layer_bytes(config, precision) +
         loading_bytes(config, precision, files.has_adapter());
}

[[noreturn]] void fail_too_small(std::uint64_t limit, bool chosen, std::uint64_t least) {
  fail_usage(
      "weights_memory: {} of {} are too little; two layers, one that computes and one that is read, take {} "
      "with their norms: the smallest possible value is {}",
      chosen ? "auto, from the free memory," : "the limit", bytes_text(limit), bytes_text(least), least);
}

std::uint64_t limit_of(std::uint64_t weights_memory) {
  if (weights_memory > 0) return weights_memory;
  return static_cast<std::uint64_t>(kFractionOfFree * static_cast<double>(free_host_memory()));
}

}  // namespace

std::int64_t StreamingPlan::streamed_count() const {
  return std::count(streamed.begin(), streamed.end(), true);
}

std::uint64_t least_weights_memory(const ModelConfig& config, Precision precision,
                                   const WeightsFolder& files) {
  return std::min(least_bytes(config, precision, files), weight_bytes(config, precision, kOnCpu));
}

StreamingPlan plan_streaming(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                             std::optional<std::uint64_t> weights_memory) {
  StreamingPlan plan;
  plan.in_memory = weight_bytes(config, precision, kOnCpu);
  if (!weights_memory) return plan;
  plan.limit = limit_of(*weights_memory);
  if (plan.in_memory <= plan.limit) return plan;
  const std::uint64_t least = least_bytes(config, precision, files);
  if (plan.limit < least)
    fail_too_small(plan.limit, *weights_memory == 0, least_weights_memory(config, precision, files));
  const std::uint64_t layer = layer_bytes(config, precision);
  const auto more = static_cast<std::int64_t>((plan.limit - least) / layer);
  // The two buffers can hold the last two layers for good.
  const std::int64_t staying = more + 2 >= config.num_hidden_layers ? config.num_hidden_layers : more;
  plan.in_memory =
      least + bytes(std::min(more, std::max<std::int64_t>(config.num_hidden_layers - 2, 0))) * layer;
  plan.streamed = spread(config.num_hidden_layers, staying);
  plan.read_bytes = stored_bytes_of(files, plan.streamed);
  return plan;
}

std::uint64_t waiting_memory(const StreamingPlan& plan) {
  constexpr std::uint64_t kLeast = std::uint64_t{64} << 20;
  return std::max(kLeast, plan.limit / 8);
}

SweepSize::SweepSize(const ModelConfig& config)
    : most_(static_cast<std::int64_t>(kMostWaitingBytes / sizeof(float)) / config.hidden_size) {}

void SweepSize::adapt(std::int64_t swept_tokens, double seconds, double loading_seconds) {
  const double wanted = std::clamp(kSweepsPerLoading * loading_seconds, kShortestSweep, kLongestSweep);
  const double rate = static_cast<double>(swept_tokens) / std::max(seconds, 1e-6);
  tokens_ = static_cast<std::int64_t>(std::clamp(wanted * rate, 1.0, static_cast<double>(most_)));
}

double StreamingForecast::seconds() const noexcept {
  return static_cast<double>(sweeps) * std::max(loading_seconds, sweep_seconds);
}

StreamingForecast forecast_streaming(const StreamingPlan& plan, SweepSize size, std::int64_t tokens,
                                     double arithmetic_seconds, double bytes_per_second) {
  StreamingForecast out;
  out.loading_seconds = static_cast<double>(plan.read_bytes) / std::max(bytes_per_second, 1.0);
  size.adapt(tokens, arithmetic_seconds, out.loading_seconds);
  out.sweep_tokens = std::min(size.tokens(), tokens);
  out.sweeps = tokens == 0 ? 0 : (tokens + out.sweep_tokens - 1) / out.sweep_tokens;
  out.sweep_seconds = arithmetic_seconds / static_cast<double>(std::max<std::int64_t>(out.sweeps, 1));
  return out;
}

}  // namespace armorm::model
