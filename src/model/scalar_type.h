// The types of stored tensors that the arithmetic here knows.
#pragma once

#include <c10/core/ScalarType.h>

#include <optional>

#include "core/dtype.h"

namespace armorm::model {

// nullopt for every type but f32, f16 and bf16.
inline std::optional<at::ScalarType> scalar_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return at::kFloat;
    case DType::f16:
      return at::kHalf;
    case DType::bf16:
      return at::kBFloat16;
    default:
      return std::nullopt;
  }
}

}  // namespace armorm::model
