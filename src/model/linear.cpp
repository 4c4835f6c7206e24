#include "model/linear.h"

#include <ATen/ATen.h>

namespace armorm::model {
namespace {

at::Tensor product(const Linear& linear, const at::Tensor& x) {
  return linear.bias.defined() ? at::linear(x, linear.weight, linear.bias) : at::linear(x, linear.weight);
}

}  // namespace

Linear Linear::rows(std::int64_t first, std::int64_t count) const {
  Linear part{weight.narrow(0, first, count), {}};
  if (bias.defined()) part.bias = bias.narrow(0, first, count);
  return part;
}

at::Tensor apply(const Linear& linear, const at::Tensor& x, std::int64_t rows_at_once) {
  if (rows_at_once == 0) return product(linear, x);
  const std::int64_t n = x.size(0);
  at::Tensor out = at::empty({n, linear.weight.size(0)}, x.options());
  for (std::int64_t first = 0; first < n; first += rows_at_once) {
    const std::int64_t count = std::min(rows_at_once, n - first);
    at::Tensor piece = x.narrow(0, first, count);
    if (count < rows_at_once) piece = at::constant_pad_nd(piece, {0, 0, 0, rows_at_once - count});
    out.narrow(0, first, count).copy_(product(linear, piece).narrow(0, 0, count));
  }
  return out;
}

}  // namespace armorm::model
