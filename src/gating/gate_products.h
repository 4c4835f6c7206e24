// The three products in a training step of a linear layer. On the CPU they use oneDNN's batch-reduce GEMM
// over blocked operands, in an order independent of the number of threads; elsewhere ATen's products.
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
