// Products in 8-bit floating point: e4m3 (arXiv 2209.05433: 4 exponent bits, 3 mantissa bits, largest value
// 448, no infinity), with one float32 scale per row of activations and per output channel of a weight.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/common/activation.h"
#include "model/common/quantised_rows.h"

namespace armorm::model {

// x [n, k], float32 or bfloat16, contiguous. Rounds to nearest even.
QuantisedRows quantise_rows(const at::Tensor& x);

// quantise_rows() of the results of rms_norm(), add_rms_norm() and gated_activation() (ops.h), the same bits.
// The CUDA kernels take one pass, without storing those results.
QuantisedRows quantised_rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);
QuantisedRows quantised_add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight,
                                     double eps);
QuantisedRows quantised_gated_activation(const at::Tensor& gate_up, Activation activation);

// x weight^T * scales, summed in float32, of quantised operands [n, k] and [m, k]; bias bfloat16 [m] or
// undefined. Result bfloat16 [n, m]. Uses CUDA's tensor cores where they support the shape (k and m multiples
// of 16); only for devices with has_scaled_mm(). `fast`: the tensor cores do not promote their sums to
// float32 on the way (Fp8Accumulate).
at::Tensor multiply_quantised(const QuantisedRows& x, const QuantisedRows& weight, const at::Tensor& bias,
                              bool fast);
// The same, into `out`, contiguous.
void multiply_quantised_into(at::Tensor& out, const QuantisedRows& x, const QuantisedRows& weight,
                             const at::Tensor& bias, bool fast);

// Whether the device has tensor cores for e4m3 values: CUDA of compute capability 8.9 and above. Tests it
// with a small product, because LibTorch does not report the capability without CUDA's headers.
bool has_scaled_mm(at::Device device);

namespace reference {
QuantisedRows quantise_rows(const at::Tensor& x);
at::Tensor multiply_quantised(const QuantisedRows& x, const QuantisedRows& weight, const at::Tensor& bias);
}  // namespace reference

// Scales the float32 sums [n, m] of a product of quantised values, adds the bias, and rounds to bfloat16.
at::Tensor scale_sums(const at::Tensor& sums, const at::Tensor& row_scales, const at::Tensor& channel_scales,
                      const at::Tensor& bias);

}  // namespace armorm::model
