// Products with int8 weights and activations on the CPU, over panels (panel_kernels.h).
//
// Weights have one scale per output channel. Activations have one scale per row, and few values of a row that
// are far larger than the rest stay as they are ("outliers", as in LLM.int8(), arXiv 2208.07339, but row by
// row, so that a row's bits do not depend on its batch): they multiply the int8 weights in float32. int32 sums
// are exact, so that all kernels give the same bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/common/activation.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {

inline constexpr std::int64_t kMaxOutliers = 64;  // of a row
// A value is an outlier above this many times the row's mean magnitude: 4 standard deviations of a normal
// distribution.
inline constexpr float kOutlierFactor = 5.0F;
inline constexpr std::int64_t kMaxInt8Inputs = 65536;  // sums of 255 * 127 fit int32

struct Int8Rows {
  at::Tensor values;           // uint8 [n, in rounded up to 4]: 128 + round(x / scale), 128 for outliers
  at::Tensor scales;           // float32 [n]: the largest magnitude of the rest / 127, 1 for zeros
  at::Tensor outlier_counts;   // int32 [n]
  at::Tensor outlier_columns;  // int32 [n, kMaxOutliers], ascending
  at::Tensor outlier_values;   // float32 [n, kMaxOutliers]
};
Int8Rows quantise_to_int8(const at::Tensor& x);  // float32 or bfloat16 [n, in]

struct Int8Weight {
  at::Tensor panels;   // pack_weight() of int8 values
  at::Tensor scales;   // float32, pack_vector(): the largest magnitude of the channel / 127, 1 for zeros
  at::Tensor offsets;  // int32, in the same order: 128 * sum of the channel's values
};
Int8Weight pack_int8(const at::Tensor& weight, bool gated = false);  // [out, in]

// The kernel of int8 operands of `kernels`, or that of avx512, or nullptr.
const PanelKernel* int8_kernel(CpuKernels kernels);

// As linear() and gated_linear() of linear.h; x float32 or bfloat16, the result has its type.
at::Tensor int8_linear(const PanelKernel& kernel, const at::Tensor& x, const Int8Weight& weight,
                       std::int64_t out_features, const at::Tensor& bias);
at::Tensor int8_gated_linear(const PanelKernel& kernel, const at::Tensor& x, const Int8Weight& weight,
                             std::int64_t out_features, const at::Tensor& bias, Activation activation);

}  // namespace armorm::model::cpu
