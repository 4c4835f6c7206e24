// The operations of a decoder layer. Each computes in float32 and rounds once to the dtype of its result, so
// bfloat16 results are at least as close to float32 as those of a chain of bfloat16 operations.
//
// These functions choose the fastest implementation for a tensor's device; reference_ops.h has the plain
// versions that tests compare with.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/common/activation.h"

namespace armorm::model {

// Whether this build has its own CUDA kernels; without them GPUs run ATen's operations.
bool has_cuda_kernels() noexcept;

// x / sqrt(mean(x^2) + eps) * weight over the last dimension. x [n, hidden], weight float32 [hidden].
at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

// residual += delta in place, then rms_norm(residual). Both [n, hidden] and contiguous.
at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps);

// Rotates the pairs (j, j + d/2) of each head in place. x [n, heads, d] with contiguous heads; rows may be
// strided. cos, sin float32 [n, d/2].
void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin);

// rms_norm over each head, then rope_inplace, with one rounding. weight float32 [d].
void norm_rope_inplace(at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& cos,
                       const at::Tensor& sin);

// activation(gate) * up for gate_up [n, 2 * intermediate] = [gate | up]. Result [n, intermediate].
at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation);

}  // namespace armorm::model
