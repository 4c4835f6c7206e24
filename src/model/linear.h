// Matrix products with weights.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace armorm::model {

struct Linear {
  at::Tensor weight;  // [out, in]
  at::Tensor bias;    // [out] or undefined

  // Output features [first, first + count) alone.
  Linear rows(std::int64_t first, std::int64_t count) const;
};

// x weight^T + bias: [n, in] -> [n, out]. Libraries choose how to compute a product, and with that the order
// of its sums, by its shape: with rows_at_once > 0 the product runs in pieces of exactly that many rows, the
// last one filled up with zeros, so that a row's bits do not depend on n.
at::Tensor apply(const Linear& linear, const at::Tensor& x, std::int64_t rows_at_once);

}  // namespace armorm::model
