// The devices of a prepare stage.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace armorm {

// Indices of CUDA devices, each once, or -1 alone: the CPU.
struct Devices {
  std::vector<std::int64_t> indices{0};

  Devices() = default;
  // NOLINTBEGIN(google-explicit-constructor): one device is given as its index, and stands for it
  Devices(std::int64_t index) : indices{index} {}
  Devices(std::vector<std::int64_t> several) : indices(std::move(several)) {}
  operator std::int64_t() const { return indices.front(); }
  // NOLINTEND(google-explicit-constructor)
};

}  // namespace armorm
