// CPU kernels for tests that compare bytes: the same in every data root of a test, and without measuring.
#pragma once

#include <algorithm>
#include <string>

#include "core/words.h"
#include "model/cpu_kernels.h"

namespace armorm::test {

// oneDNN's where the processor has them, with every precision, however rows are batched.
inline CpuKernels fixed_kernels() {
  const auto available = model::available_kernels(Precision::fp32, true);
  const bool onednn = std::find(available.begin(), available.end(), CpuKernels::onednn) != available.end();
  return onednn ? CpuKernels::onednn : CpuKernels::libtorch;
}

// Without AVX-512, LibTorch's kernels are the only ones, and bits depend on how rows are batched.
inline bool can_be_batch_invariant() { return !model::available_kernels(Precision::fp32, true).empty(); }
inline constexpr const char* kNoAvx512 = "this processor lacks AVX-512";

inline std::string fixed_kernels_name() { return std::string(name_of(fixed_kernels())); }

}  // namespace armorm::test
