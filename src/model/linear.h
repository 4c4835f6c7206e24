// Matrix products with weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace armorm::model {

// Made by make_linear().
struct Linear {
  at::Tensor weight;  // [out, in], or as `packed` says
  at::Tensor bias;    // [out] or undefined
  std::int64_t out_features = 0;
  bool packed = false;  // weight is in the form of cpu_linear.h
  // Of fp8 (fp8.h): float32 [out, 1], else undefined. weight then holds e4m3 values, as float32 where it is
  // packed.
  at::Tensor scales;
  bool scaled_mm = false;  // with scales: the device has_scaled_mm()
};

// weight [out, in] and bias ([out] or undefined) lie on the device that will run them. On the CPU the weight
// is laid out for its products, where the processor has them; the argument is not kept then.
Linear make_linear(const at::Tensor& weight, const at::Tensor& bias);

// The same with the weight quantised to e4m3 by output channel, as x will be by row.
Linear make_fp8_linear(const at::Tensor& weight, const at::Tensor& bias);

// x weight^T + bias: [n, in] -> [n, out]. Libraries choose how to compute a product, and with that the order
// of its sums, by its shape: with rows_at_once > 0 the product runs in pieces of exactly that many rows, the
// last one filled up with zeros, so that a row's bits do not depend on n. Those of packed weights never do.
at::Tensor apply(const Linear& linear, const at::Tensor& x, std::int64_t rows_at_once);

}  // namespace armorm::model
