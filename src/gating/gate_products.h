// The three products of a linear layer's training step. On the CPU they are oneDNN's batch-reduce GEMM over
// operands in blocks, in an order that the number of threads does not change; elsewhere ATen's.
#pragma once

#include <ATen/core/Tensor.h>

#include "gating/trainer.h"

namespace armorm {

// In the type that the products below round their operands to; rounding there again changes nothing.
at::Tensor to_operand(const at::Tensor& x, GatePrecision precision);

// x [n, in], weight [out, in], bias [out] -> x weight' + bias [n, out]
at::Tensor layer_output(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                        GatePrecision precision);
// d [n, out], weight [out, in] -> d weight [n, in]
at::Tensor input_gradient(const at::Tensor& d, const at::Tensor& weight, GatePrecision precision);
// d [n, out], x [n, in] -> d' x [out, in]
at::Tensor weight_gradient(const at::Tensor& d, const at::Tensor& x, GatePrecision precision);

}  // namespace armorm
