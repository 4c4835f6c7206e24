// Layouts of weights for the panel products.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {

std::int64_t panels_of(std::int64_t out_features);

// [out, in] float32, bfloat16, int8 or int16 -> panels of kPanel outputs, each [words, kPanel] words, 1-D of
// the same type, padded with zeros. With `gated` the two halves of the outputs, gates and the values that
// they multiply, alternate: each panel has kPanel / 2 gates, then their values.
at::Tensor pack_weight(const at::Tensor& weight, bool gated = false);

// The same for the transposed weight: [in, out] with contiguous rows, float32 or bfloat16.
at::Tensor pack_columns(const at::Tensor& transposed_weight);

// [out] -> [panels * kPanel] float32 in the order of the panels' columns, padded with zeros.
at::Tensor pack_vector(const at::Tensor& values, bool gated = false);

}  // namespace armorm::model::cpu
