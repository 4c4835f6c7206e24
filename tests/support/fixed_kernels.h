// CPU kernels for tests that compare bytes: the same in every data root of a test, and without measuring.
#pragma once

#include <algorithm>
#include <cmath>
#include <string>

#include "core/words.h"
#include "model/cpu_kernels.h"

namespace armorm::test {

// oneDNN's where the processor has them, else the first of its own, with every precision, however rows are
// batched.
inline CpuKernels fixed_kernels() {
  const auto available = model::available_kernels(Precision::fp32, true);
  if (available.empty()) return CpuKernels::libtorch;
  const bool onednn = std::find(available.begin(), available.end(), CpuKernels::onednn) != available.end();
  return onednn ? CpuKernels::onednn : available.front();
}

// Without AVX2, LibTorch's kernels are the only ones, and bits depend on how rows are batched.
inline bool can_be_batch_invariant() { return !model::available_kernels(Precision::fp32, true).empty(); }
// Of scores of one conversation among others: the same bits where the processor can.
inline bool are_same(float a, float b) { return can_be_batch_invariant() ? a == b : std::abs(a - b) < 1e-5F; }
inline constexpr const char* kOnlyLibtorch = "this processor lacks AVX2";

inline std::string fixed_kernels_name() { return std::string(name_of(fixed_kernels())); }

}  // namespace armorm::test
