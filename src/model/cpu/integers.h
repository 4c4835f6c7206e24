// Products of integer weights and activations on the CPU, over panels (panel_kernels.h): of 8 bits, and of 16
// of which as many are used as int32 sums allow.
//
// Weights have one scale for each group of inputs of an output channel. Activations have one scale per row,
// and few values of a row that are far larger than the rest stay as they are ("outliers", as in LLM.int8(),
// arXiv 2208.07339, but row by row, so that a row's bits do not depend on its batch): they multiply the
// integer weights in float32. int32 sums are exact, so that all kernels give the same bits.
//
// An input whose weights are all far smaller or larger than those of the others would be lost in the steps of
// the integers. A power of two, in effect moved from its activations to its weights, brings them to the size
// of the others (as in SmoothQuant, arXiv 2211.10438, but by the weights alone).
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/common/activation.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {

enum class Integers { int8, int16 };

inline constexpr std::int64_t kMaxOutliers = 64;  // of a row
std::int64_t inputs_of_group(Integers type);      // 256 of int8, 1024 of int16

// Largest magnitude: 127, or 1448, whose products over a group of inputs fit an int32 sum.
std::int32_t largest_integer(Integers type);

struct IntegerRows {
  at::Tensor values;           // [n, in rounded up to complete words]: round(x / scale), 0 for outliers;
                               // uint8 values are those plus 128
  at::Tensor scales;           // float32 [n]: largest magnitude of the rest / largest integer, 1 for zeros
  at::Tensor outlier_counts;   // int32 [n]
  at::Tensor outlier_columns;  // int32 [n, kMaxOutliers], ascending
  at::Tensor outlier_values;   // float32 [n, kMaxOutliers]
};
// x float32 or bfloat16 [n, in]; `input_scales` as in IntegerWeight.
IntegerRows quantise_rows(const at::Tensor& x, Integers type, const at::Tensor& input_scales = {});

struct IntegerWeight {
  Integers type = Integers::int8;
  at::Tensor panels;  // pack_weight() of int8 or int16 values
  // Of each panel's columns, [panels, groups, kPanel]: float32, largest magnitude of the channel's group over
  // the largest integer; int32, 128 * sum of the group's values, 0 for int16.
  at::Tensor scales;
  at::Tensor offsets;
  at::Tensor
      input_scales;  // float32 [in], powers of two that activations are multiplied by; undefined if all are 1
};
IntegerWeight pack_integers(const at::Tensor& weight, Integers type, bool gated = false);  // [out, in]

// As linear() and gated_linear() of linear.h, with a kernel for the type; x float32 or bfloat16, the result
// has its type.
at::Tensor integer_linear(const PanelKernel& kernel, const at::Tensor& x, const IntegerWeight& weight,
                          std::int64_t out_features, const at::Tensor& bias);
at::Tensor integer_gated_linear(const PanelKernel& kernel, const at::Tensor& x, const IntegerWeight& weight,
                                std::int64_t out_features, const at::Tensor& bias, Activation activation);

}  // namespace armorm::model::cpu
