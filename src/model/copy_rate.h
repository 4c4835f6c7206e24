// Measures the rate at which weights go from the host's memory to a device.
#pragma once

#include <optional>

namespace armorm::model {

// Without a device to measure: what PCIe 4.0 reaches with 16 lanes, about half.
inline constexpr double kAssumedCopyRate = 12e9;  // bytes per second

// Bytes per second of a StagedCopy from memory to the CUDA device; takes well under a second. nullopt if the
// device does not exist.
std::optional<double> measure_copy_rate(int device);

}  // namespace armorm::model
