// Products with weights on the CPU by oneDNN's batch-reduce GEMM. At load the weights are laid out once in
// the order in which the product reads them.
//
// Every element of the result is one sum over the inputs in ascending order, independent of the number of
// rows, the row's position and the number of threads: rows are bit-identical however they are batched.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace armorm::model::cpu {

// Whether this processor and LibTorch support the products for `type`.
bool supports_linear(at::ScalarType type);

// [out, in] float32 or bfloat16 -> the blocked form that linear() takes, 1-D of the same type: panels of
// kPanel output features, each [in, kPanel] (bfloat16: inputs 2i and 2i + 1 interleaved), padded with zeros.
at::Tensor pack_weight(const at::Tensor& weight);

// The same for the transposed weight: [in, out] with contiguous rows.
at::Tensor pack_columns(const at::Tensor& transposed_weight);

// x weight^T + bias: [n, in] -> [n, out]. x has contiguous rows; bias [out] or undefined. The result has the
// type of x, or float32 on request.
at::Tensor linear(const at::Tensor& x, const at::Tensor& packed, std::int64_t out_features,
                  const at::Tensor& bias);
at::Tensor linear(const at::Tensor& x, const at::Tensor& packed, std::int64_t out_features,
                  const at::Tensor& bias, at::ScalarType result);

}  // namespace armorm::model::cpu
