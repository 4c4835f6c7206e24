// What becomes of the sums of a block of rows and a panel, in one pass over them (AVX-512).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/common/activation.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {

// [rows, kPanel], contiguous. Of a gated panel the first half of the columns are gates, the second half the
// values that they multiply.
struct PanelSums {
  const float* values = nullptr;
  const float* bias = nullptr;  // [kPanel] or null
  std::int64_t rows = 0;
  std::int64_t columns = 0;  // of the result: up to kPanel, of a gated panel up to kPanel / 2
};

// Rows of `out` are `stride` elements apart. To bfloat16 rounds to nearest even.
void store(const PanelSums& sums, float* out, std::int64_t stride);
void store(const PanelSums& sums, at::BFloat16* out, std::int64_t stride);
void store_gated(const PanelSums& sums, Activation activation, float* out, std::int64_t stride);
void store_gated(const PanelSums& sums, Activation activation, at::BFloat16* out, std::int64_t stride);

}  // namespace armorm::model::cpu
