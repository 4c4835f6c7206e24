// ops.h and fp8.h on CUDA with our own kernels, on ATen's current stream.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/common/activation.h"
#include "model/common/quantised_rows.h"

namespace armorm::model::cuda {

// float32 and bfloat16 tensors on a CUDA device with contiguous rows.
bool supports(const at::Tensor& x);

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps);
void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);
void norm_rope_inplace(at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& cos,
                       const at::Tensor& sin);
at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation);
QuantisedRows quantise_rows(const at::Tensor& x);
QuantisedRows quantised_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
QuantisedRows quantised_add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight,
                                     double eps);
QuantisedRows quantised_gated_activation(const at::Tensor& gate_up, Activation activation);

}  // namespace armorm::model::cuda
