// The three products in a training step of a linear layer. On the CPU they use the kernels in use
// (cpu_kernels.h), in an order independent of the number of threads; with libtorch and on a GPU, ATen's
// products, whose results are rounded to the operand type.
#pragma once

#include <ATen/core/Tensor.h>

#include "gating/trainer.h"

namespace armorm::gating {

// Rounds to the operand type of the products below. Their own rounding then changes nothing.
at::Tensor to_operand(const at::Tensor& x, GatePrecision precision);

// x [n, in], weight [out, in], bias [out] -> x weight' + bias [n, out]
at::Tensor layer_output(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                        GatePrecision precision);
// d [n, out], weight [out, in] -> d weight [n, in]
at::Tensor input_gradient(const at::Tensor& d, const at::Tensor& weight, GatePrecision precision);
// d [n, out], x [n, in] -> d' x [out, in]
at::Tensor weight_gradient(const at::Tensor& d, const at::Tensor& x, GatePrecision precision);

}  // namespace armorm::gating
