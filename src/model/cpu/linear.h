// Products with weights on the CPU over panels (panel_kernels.h), in which the weights are laid out once, at
// load.
//
// Every element of the result is one sum over the inputs in ascending order, independent of the number of
// rows, the row's position and the number of threads: rows are bit-identical however they are batched.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>

#include "model/common/activation.h"
#include "model/cpu/pack.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {

// The kernel of `kernels` for float32 or bfloat16 operands, or nullptr.
const PanelKernel* linear_kernel(CpuKernels kernels, at::ScalarType type);

// x weight^T + bias: [n, in] -> [n, out]. x has contiguous rows of the weight's type; `packed` is
// pack_weight(), `bias` pack_vector() or undefined. The result has the type of x, or float32 on request.
at::Tensor linear(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
                  std::int64_t out_features, const at::Tensor& bias,
                  std::optional<at::ScalarType> result = std::nullopt);

// activation(gates) * values of the product with a gated weight: [n, in] -> [n, out_features], half of the
// weight's outputs. Not rounded before the activation.
at::Tensor gated_linear(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
                        std::int64_t out_features, const at::Tensor& bias, Activation activation);

}  // namespace armorm::model::cpu
