// Products of integer weights and activations on the CPU, over panels (panel_kernels.h): of 8 bits, and of as
// many of 16 bits as int32 sums allow.
//
// Weights have one scale per output channel. Activations have one scale per row, and few values of a row that
// are far larger than the rest stay as they are ("outliers", as in LLM.int8(), arXiv 2208.07339, but row by
// row, so that a row's bits do not depend on its batch): they multiply the integer weights in float32. int32
// sums are exact, so that all kernels give the same bits.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/common/activation.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {

enum class Integers { int8, int16 };

inline constexpr std::int64_t kMaxOutliers = 64;  // of a row
inline constexpr std::int64_t kMaxIntegerInputs = 65536;

// Largest magnitude of the integers of a product over `in` inputs: 127, or the largest whose products fit an
// int32 sum (1448 for 1024 inputs, 387 for 14336).
std::int32_t largest_integer(Integers type, std::int64_t in);

struct IntegerRows {
  at::Tensor values;           // [n, in rounded up to complete words]: round(x / scale), 0 for outliers;
                               // uint8 values are those plus 128
  at::Tensor scales;           // float32 [n]: largest magnitude of the rest / largest integer, 1 for zeros
  at::Tensor outlier_counts;   // int32 [n]
  at::Tensor outlier_columns;  // int32 [n, kMaxOutliers], ascending
  at::Tensor outlier_values;   // float32 [n, kMaxOutliers]
};
IntegerRows quantise_rows(const at::Tensor& x, Integers type);  // float32 or bfloat16 [n, in]

struct IntegerWeight {
  Integers type = Integers::int8;
  at::Tensor panels;   // pack_weight() of int8 or int16 values
  at::Tensor scales;   // float32, pack_vector(): largest magnitude of the channel / largest integer
  at::Tensor offsets;  // int32, in the same order: 128 * sum of the channel's values; 0 for int16
};
IntegerWeight pack_integers(const at::Tensor& weight, Integers type, bool gated = false);  // [out, in]

// As linear() and gated_linear() of linear.h, with a kernel for the type; x float32 or bfloat16, the result
// has its type.
at::Tensor integer_linear(const PanelKernel& kernel, const at::Tensor& x, const IntegerWeight& weight,
                          std::int64_t out_features, const at::Tensor& bias);
at::Tensor integer_gated_linear(const PanelKernel& kernel, const at::Tensor& x, const IntegerWeight& weight,
                                std::int64_t out_features, const at::Tensor& bias, Activation activation);

}  // namespace armorm::model::cpu
