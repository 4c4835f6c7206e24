// The operands of products in 8-bit floating point (model/fp8.h).
#pragma once

#include <ATen/core/Tensor.h>

namespace armorm::model {

inline constexpr float kLargestE4m3 = 448.0F;

// value = scale * element. The largest magnitude of a row becomes kLargestE4m3; a row of zeros has scale 1.
struct QuantisedRows {
  at::Tensor values;  // Float8_e4m3fn [n, k]
  at::Tensor scales;  // float32 [n, 1]
};

}  // namespace armorm::model
