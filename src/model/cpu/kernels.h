// The element-wise operations of ops.h on the CPU: one pass over each row, vectorised for the current
// processor.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/common/activation.h"

namespace armorm::model::cpu {

// float32 and bfloat16 tensors on the CPU with contiguous rows; reference_ops.h handles all others.
bool supports(const at::Tensor& x);

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps);
void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
void norm_rope_inplace(at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& cos,
                       const at::Tensor& sin);
at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation);

}  // namespace armorm::model::cpu
