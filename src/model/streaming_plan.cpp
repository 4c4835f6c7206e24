#include "model/streaming_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/units.h"
#include "core/words.h"
#include "model/cpu/integers.h"
#include "model/device_memory.h"
#include "model/host_memory.h"
#include "model/ops.h"
#include "model/work_estimate.h"

namespace armorm::model {
namespace {

constexpr double kSweepsPerLoading = 10.0;
// Of the free memory, for `weights_memory` auto: the rest is for activations, hidden states and, on the CPU,
// the disk's cache.
constexpr double kFractionOfFree = 0.75;

std::uint64_t bytes(std::int64_t count) { return static_cast<std::uint64_t>(count); }

std::int64_t bytes_of_element(Precision precision) { return precision == Precision::fp32 ? 4 : 2; }

// As it is loaded, with its norms.
std::uint64_t layer_bytes(const ModelConfig& config, Precision precision, int device) {
  ModelConfig more = config;
  more.num_hidden_layers += 1;
  return weight_bytes(more, precision, device) - weight_bytes(config, precision, device);
}

// On a GPU: fp8 is made there from a copy of the largest matrix in bf16 (with as much again that the
// allocator cannot reuse), without our kernels by plain operations in float32.
std::uint64_t loading_bytes_on_gpu(const ModelConfig& c, Precision precision) {
  if (precision != Precision::fp8) return 0;
  return bytes((has_cuda_kernels() ? 4 : 14) * 2 * c.intermediate_size * c.hidden_size);
}

// Copies of the largest matrix while it is laid out and, for an adapter, while its update is added to a half.
std::uint64_t loading_bytes(const ModelConfig& c, Precision precision, bool merges, int device) {
  if (device >= 0) return loading_bytes_on_gpu(c, precision);
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
std::uint64_t fixed_bytes(const ModelConfig& c, Precision precision, const WeightsFolder& files, int device) {
  const std::int64_t norms = 4 * c.hidden_size * (4 * c.num_hidden_layers + 1);
  const std::int64_t table = c.vocab_size * c.hidden_size * bytes_of_element(precision);
  return bytes(norms) + (device < 0 && stays_in_file(c, files) ? 0 : bytes(table));
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

std::uint64_t buffers_of(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                         int device) {
  return 2 * layer_bytes(config, precision, device) +
         loading_bytes(config, precision, files.has_adapter(), device);
}

std::uint64_t least_bytes(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                          int device) {
  return fixed_bytes(config, precision, files, device) + buffers_of(config, precision, files, device);
}

[[noreturn]] void fail_too_small(std::uint64_t limit, bool chosen, std::uint64_t least) {
  fail_usage(
      "weights_memory: {} of {} are too little; two layers, one that computes and one that is read, take {} "
      "with their norms: the smallest possible value is {}",
      chosen ? "auto, from the free memory," : "the limit", bytes_text(limit), bytes_text(least), least);
}

std::uint64_t limit_of(std::uint64_t weights_memory, int device) {
  if (weights_memory > 0) return weights_memory;
  const std::optional<std::int64_t> free = device < 0 ? free_host_memory() : free_device_memory(device);
  if (!free)
    fail_usage(
        "weights_memory: auto is chosen from the free memory of device {}, which is not here; give bytes "
        "(20GB)",
        device);
  return static_cast<std::uint64_t>(kFractionOfFree * static_cast<double>(*free));
}

}  // namespace

std::int64_t StreamingPlan::streamed_count() const {
  return std::count(streamed.begin(), streamed.end(), true);
}

std::uint64_t least_weights_memory(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                                   int device) {
  return std::min(least_bytes(config, precision, files, device), weight_bytes(config, precision, device));
}

StreamingPlan plan_streaming(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                             std::optional<std::uint64_t> weights_memory, int device) {
  StreamingPlan plan;
  plan.in_memory = weight_bytes(config, precision, device);
  if (!weights_memory) return plan;
  plan.limit = limit_of(*weights_memory, device);
  if (plan.in_memory <= plan.limit) return plan;
  const std::uint64_t least = least_bytes(config, precision, files, device);
  if (plan.limit < least)
    fail_too_small(plan.limit, *weights_memory == 0, least_weights_memory(config, precision, files, device));
  const std::uint64_t layer = layer_bytes(config, precision, device);
  const auto more = static_cast<std::int64_t>((plan.limit - least) / layer);
  // The two buffers can hold the last two layers for good.
  const std::int64_t staying = more + 2 >= config.num_hidden_layers ? config.num_hidden_layers : more;
  plan.in_memory =
      least + bytes(std::min(more, std::max<std::int64_t>(config.num_hidden_layers - 2, 0))) * layer;
  plan.streamed = spread(config.num_hidden_layers, staying);
  plan.buffer_bytes = plan.streamed_count() > 0 ? buffers_of(config, precision, files, device) : 0;
  plan.read_bytes = stored_bytes_of(files, plan.streamed);
  // Of fp8 the device gets bf16.
  if (device >= 0)
    plan.copied_bytes =
        bytes(plan.streamed_count()) *
        layer_bytes(config, precision == Precision::fp8 ? Precision::bf16 : precision, device);
  return plan;
}

std::uint64_t waiting_memory(const StreamingPlan& plan) {
  constexpr std::uint64_t kLeast = std::uint64_t{64} << 20;
  return std::max(kLeast, plan.limit / 8);
}

std::uint64_t SweepMemory::table_bytes(const ModelConfig& config, std::int64_t tokens) {
  constexpr std::int64_t kOfLayout = 64;  // token ids, indices of rows
  const std::int64_t ropes = config.sliding_rope ? 2 : 1;
  return bytes(tokens * (kOfLayout + ropes * config.head_dim * std::int64_t{sizeof(float)}));
}

std::int64_t SweepMemory::most_tokens(const ModelConfig& config) const {
  return std::max<std::int64_t>(static_cast<std::int64_t>(waiting / 2 / table_bytes(config, 1)), 1);
}

std::uint64_t SweepMemory::for_rows(const ModelConfig& config, std::int64_t tokens) const {
  return waiting - std::min(waiting, table_bytes(config, tokens));
}

SweepMemory share_memory(const StreamingPlan& plan, std::int64_t free_bytes) {
  const std::int64_t left = free_bytes - static_cast<std::int64_t>(plan.buffer_bytes);
  if (left <= 0)
    fail_usage(
        "weights_memory: {} leave the device nothing for hidden states and activations; use less, or auto",
        bytes_text(plan.limit));
  return {static_cast<std::uint64_t>(left) / 2, static_cast<std::uint64_t>(left) / 2};
}

std::optional<SweepMemory> expected_memory(const StreamingPlan& plan, int device) {
  if (plan.streamed_count() == 0) return std::nullopt;
  const std::optional<std::int64_t> free = free_device_memory(device);
  if (!free) return std::nullopt;
  return share_memory(plan, *free - static_cast<std::int64_t>(plan.in_memory - plan.buffer_bytes));
}

SweepSize::SweepSize(const ModelConfig& config, std::int64_t most_tokens)
    : most_(std::min(static_cast<std::int64_t>(kMostWaitingBytes / sizeof(float)) / config.hidden_size,
                     most_tokens)) {}

void SweepSize::adapt(std::int64_t swept_tokens, double seconds, double loading_seconds) {
  const double wanted = std::clamp(kSweepsPerLoading * loading_seconds, kShortestSweep, kLongestSweep);
  const double rate = static_cast<double>(swept_tokens) / std::max(seconds, 1e-6);
  tokens_ = static_cast<std::int64_t>(std::clamp(wanted * rate, 1.0, static_cast<double>(most_)));
}

double StreamingForecast::seconds() const noexcept {
  return static_cast<double>(sweeps) * std::max(loading_seconds, sweep_seconds);
}

namespace {

double seconds_for(std::uint64_t bytes, double rate) {
  return static_cast<double>(bytes) / std::max(rate, 1.0);
}

double reading_seconds(const StreamingPlan& plan, const LoadingRates& rates) {
  return rates.from_cache ? 0.0 : seconds_for(plan.read_bytes, rates.disk);
}

double copying_seconds(const StreamingPlan& plan, const LoadingRates& rates) {
  return rates.copying > 0.0 ? seconds_for(plan.copied_bytes, rates.copying) : 0.0;
}

}  // namespace

double loading_seconds(const StreamingPlan& plan, const LoadingRates& rates) {
  return std::max(reading_seconds(plan, rates), copying_seconds(plan, rates));
}

bool disk_bounds(const StreamingPlan& plan, const LoadingRates& rates) {
  return reading_seconds(plan, rates) > copying_seconds(plan, rates);
}

StreamingForecast forecast_streaming(const StreamingPlan& plan, SweepSize size, std::int64_t tokens,
                                     double arithmetic_seconds, const LoadingRates& rates) {
  StreamingForecast out;
  out.loading_seconds = loading_seconds(plan, rates);
  size.adapt(tokens, arithmetic_seconds, out.loading_seconds);
  out.sweep_tokens = std::min(size.tokens(), tokens);
  out.sweeps = tokens == 0 ? 0 : (tokens + out.sweep_tokens - 1) / out.sweep_tokens;
  out.sweep_seconds = arithmetic_seconds / static_cast<double>(std::max<std::int64_t>(out.sweeps, 1));
  return out;
}

void check_weights_memory(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                          std::optional<std::uint64_t> limit, int device) {
  if (limit) expected_memory(plan_streaming(config, precision, files, limit, device), device);
}

}  // namespace armorm::model
