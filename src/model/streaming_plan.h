// Which layers of a model stay in memory under a limit, and what reading the others again costs.
#pragma once

#include <cstdint>
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
  std::uint64_t read_bytes = 0;  // of the files, in one sweep over the layers that are streamed
  std::int64_t streamed_count() const;
};

// `weights_memory`: bytes for the weights on the CPU; 0 = chosen from the free memory; nullopt = all stay.
// The layers that stay lie evenly between the others, so that loading goes on while they compute. usage error
// that names `weights_memory` and the least bytes when fewer are given.
StreamingPlan plan_streaming(const ModelConfig& config, Precision precision, const WeightsFolder& files,
                             std::optional<std::uint64_t> weights_memory);

// The least `weights_memory`: two layers, what loading one needs beside them, the norms, and the embedding
// table if it is not read by row from its file.
std::uint64_t least_weights_memory(const ModelConfig& config, Precision precision,
                                   const WeightsFolder& files);

// Hidden states of so many bytes wait in memory between two layers, the others in a temporary file.
std::uint64_t waiting_memory(const StreamingPlan& plan);

// How many tokens go through the layers in one sweep. Larger sweeps read the weights less often; but rows are
// saved at the end of a sweep, and an interruption loses the sweep in progress. A sweep therefore takes ten
// times as long as loading does, within kShortestSweep and kLongestSweep, and its hidden states at most
// kMostWaitingBytes.
class SweepSize {
 public:
  static constexpr double kShortestSweep = 20.0;   // seconds
  static constexpr double kLongestSweep = 1800.0;  // seconds
  static constexpr std::uint64_t kMostWaitingBytes = std::uint64_t{16} << 30;

  explicit SweepSize(const ModelConfig& config);

  std::int64_t tokens() const noexcept { return tokens_; }  // at first 1: one pack
  // After a sweep, or before the first one by estimates.
  void adapt(std::int64_t swept_tokens, double seconds, double loading_seconds);

 private:
  std::int64_t most_;
  std::int64_t tokens_ = 1;
};

// What a plan costs for so many tokens.
struct StreamingForecast {
  std::int64_t sweeps = 0;
  std::int64_t sweep_tokens = 0;
  double loading_seconds = 0.0;  // of one sweep, at the disk's rate
  double sweep_seconds = 0.0;    // of its arithmetic
  bool reading_bounds() const noexcept { return loading_seconds > sweep_seconds; }
  double seconds() const noexcept;  // of all sweeps
};
StreamingForecast forecast_streaming(const StreamingPlan& plan, SweepSize size, std::int64_t tokens,
                                     double arithmetic_seconds, double bytes_per_second);

// Bytes per second of sequential reads from the disk of the weight files, without the system's cache where it
// allows that; measured for a fraction of a second. 0 when the files cannot be read.
double measure_read_rate(const WeightsFolder& files);

}  // namespace armorm::model
