// Which layers of a model stay in memory under a limit, and what reading the others again costs.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "armorm/precision.h"
#include "model/model_config.h"
#include "model/weights_folder.h"

namespace armorm::model {

struct StreamingPlan {
  std::uint64_t limit = 0;     // of the weights in memory
  std::vector<bool> streamed;  // by layer; empty = all stay
  std::uint64_t in_memory =
      0;  // bytes of weights at once: those that stay, and two layers with their loading
  std::uint64_t buffer_bytes = 0;  // of these: those two layers with their loading
  std::uint64_t read_bytes = 0;    // of the files, in one sweep over the layers that are streamed
  std::uint64_t copied_bytes = 0;  // to a GPU, in one sweep
  std::int64_t streamed_count() const;
};

// `weights_memory`: bytes for the weights on the device (-1 = CPU); 0 = chosen from its free memory; nullopt
// = all stay. The layers that stay lie evenly between the others, so that loading goes on while they compute.
// usage error that names `weights_memory` and the least bytes when fewer are given, and for 0 without the
// device.
StreamingPlan plan_streaming(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                             std::optional<std::uint64_t> weights_memory, int device = -1);

// The least `weights_memory`: two layers, what loading one needs beside them, the norms, and the embedding
// table if it is not read by row from its file, as on the CPU.
std::uint64_t least_weights_memory(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                                   int device = -1);

// On the CPU: hidden states of so many bytes wait in memory between two layers, the others in a temporary
// file.
std::uint64_t waiting_memory(const StreamingPlan& plan);

// What a GPU has free once the layers that stay are loaded, beside the two buffers.
struct SweepMemory {
  std::uint64_t activations = 0;
  std::uint64_t waiting = 0;  // of hidden states and what else each pack keeps from layer to layer

  // Of `waiting`, beside the hidden states.
  static std::uint64_t table_bytes(const ModelConfig& config, std::int64_t tokens);
  // So many tokens have tables of at most half of `waiting`.
  std::int64_t most_tokens(const ModelConfig& config) const;
  // For hidden states of a sweep of so many tokens, on the device.
  std::uint64_t for_rows(const ModelConfig& config, std::int64_t tokens) const;
};
// Halves what is left. usage error that names `weights_memory` if nothing is.
SweepMemory share_memory(const StreamingPlan& plan, std::int64_t free_bytes);
// What share_memory() will give, before anything is loaded; nullopt on the CPU, without the device, and when
// all layers stay.
std::optional<SweepMemory> expected_memory(const StreamingPlan& plan, int device);

// usage error if `limit`, as BackboneOptions::weights_memory, is too small for the model on that device.
void check_weights_memory(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                          std::optional<std::uint64_t> limit, int device);

// How many tokens go through the layers in one sweep. Larger sweeps read the weights less often; but rows are
// saved at the end of a sweep, and an interruption loses the sweep in progress. A sweep therefore takes ten
// times as long as loading does, within kShortestSweep and kLongestSweep, and its hidden states at most
// kMostWaitingBytes.
class SweepSize {
 public:
  static constexpr double kShortestSweep = 20.0;   // seconds
  static constexpr double kLongestSweep = 1800.0;  // seconds
  static constexpr std::uint64_t kMostWaitingBytes = std::uint64_t{16} << 30;

  explicit SweepSize(const ModelConfig& config,
                     std::int64_t most_tokens = std::numeric_limits<std::int64_t>::max());

  std::int64_t tokens() const noexcept { return tokens_; }  // at first 1: one pack
  // After a sweep, or before the first one by estimates.
  void adapt(std::int64_t swept_tokens, double seconds, double loading_seconds);

 private:
  std::int64_t most_;
  std::int64_t tokens_ = 1;
};

// How fast the layers of a plan come, and from where.
struct LoadingRates {
  double disk = 0.0;        // bytes per second
  double copying = 0.0;     // to a GPU; 0: none
  bool from_cache = false;  // the files fit the host's memory: the disk is read once
};
// Of one sweep: the slower of both, which work at the same time.
double loading_seconds(const StreamingPlan& plan, const LoadingRates& rates);
// Whether the disk is the slower one.
bool disk_bounds(const StreamingPlan& plan, const LoadingRates& rates);

// What a plan costs for so many tokens.
struct StreamingForecast {
  std::int64_t sweeps = 0;
  std::int64_t sweep_tokens = 0;
  double loading_seconds = 0.0;  // of one sweep
  double sweep_seconds = 0.0;    // of its arithmetic
  bool reading_bounds() const noexcept { return loading_seconds > sweep_seconds; }
  double seconds() const noexcept;  // of all sweeps
};
StreamingForecast forecast_streaming(const StreamingPlan& plan, SweepSize size, std::int64_t tokens,
                                     double arithmetic_seconds, const LoadingRates& rates);

// Bytes per second of sequential reads from the disk of the weight files, without the system's cache where it
// allows that; measured for a fraction of a second. 0 when the files cannot be read.
double measure_read_rate(const WeightsFolder& files);

}  // namespace armorm::model
