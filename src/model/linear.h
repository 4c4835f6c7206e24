// Matrix products with weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace armorm::model {

// Created by make_linear().
struct Linear {
  at::Tensor weight;  // [out, in], or the layout that `packed` says
  at::Tensor bias;    // [out] or undefined
  std::int64_t out_features = 0;
  bool packed = false;  // weight has the layout of cpu/linear.h
  // For fp8 (fp8.h): float32 [out, 1], else undefined. weight then holds e4m3 values, as float32 where it is
  // packed.
  at::Tensor scales;
  bool scaled_mm = false;  // with scales: the device has_scaled_mm()
};

// weight [out, in] and bias ([out] or undefined) must be on the device that runs the product. On the CPU the
// weight is laid out for its products where the processor supports them; the argument is not kept in that
// case.
Linear make_linear(const at::Tensor& weight, const at::Tensor& bias);

// The same with the weight quantised to e4m3 by output channel; apply() quantises x by row.
Linear make_fp8_linear(const at::Tensor& weight, const at::Tensor& bias);

// x weight^T + bias: [n, in] -> [n, out]. Libraries choose the algorithm of a product, and with it the order
// of the sums, by shape. With rows_at_once > 0 the product runs in pieces of exactly that many rows, the last
// one padded with zeros, so that a row's bits do not depend on n. With packed weights they never do.
at::Tensor apply(const Linear& linear, const at::Tensor& x, std::int64_t rows_at_once);

}  // namespace armorm::model
