#include "model/linear.h"

#include <ATen/ATen.h>

#include "model/cpu/linear.h"
#include "model/fp8.h"

namespace armorm::model {
namespace {

at::Tensor fp8_product(const Linear& linear, const at::Tensor& x) {
  const QuantisedRows rows = quantise_rows(x);
  if (!linear.packed) {
    const auto multiply = linear.scaled_mm ? multiply_quantised : reference::multiply_quantised;
    return multiply(rows, {linear.weight, linear.scales}, linear.bias);
  }
  const at::Tensor sums = cpu::linear(rows.values.to(at::kFloat), linear.weight, linear.out_features, {});
  return scale_sums(sums, rows.scales, linear.scales, linear.bias);
}

at::Tensor product(const Linear& linear, const at::Tensor& x) {
  if (linear.scales.defined()) return fp8_product(linear, x);
  if (linear.packed) return cpu::linear(x, linear.weight, linear.out_features, linear.bias);
  return linear.bias.defined() ? at::linear(x, linear.weight, linear.bias) : at::linear(x, linear.weight);
}

}  // namespace

Linear make_linear(const at::Tensor& weight, const at::Tensor& bias) {
  const bool packed = weight.is_cpu() && cpu::supports_linear(weight.scalar_type());
  return {packed ? cpu::pack_weight(weight) : weight, bias, weight.size(0), packed, {}, false};
}

Linear make_fp8_linear(const at::Tensor& weight, const at::Tensor& bias) {
  const QuantisedRows rows = quantise_rows(weight);
  const bool packed = weight.is_cpu() && cpu::supports_linear(at::kFloat);
  return {packed ? cpu::pack_weight(rows.values.to(at::kFloat)) : rows.values,
          bias,
          weight.size(0),
          packed,
          rows.scales,
          has_scaled_mm(weight.device())};
}

at::Tensor apply(const Linear& linear, const at::Tensor& x, std::int64_t rows_at_once) {
  if (rows_at_once == 0 || linear.packed) return product(linear, x);
  const std::int64_t n = x.size(0);
  at::Tensor out = at::empty({n, linear.out_features}, x.options());
  for (std::int64_t first = 0; first < n; first += rows_at_once) {
    const std::int64_t count = std::min(rows_at_once, n - first);
    at::Tensor piece = x.narrow(0, first, count);
    if (count < rows_at_once) piece = at::constant_pad_nd(piece, {0, 0, 0, rows_at_once - count});
    out.narrow(0, first, count).copy_(product(linear, piece).narrow(0, 0, count));
  }
  return out;
}

}  // namespace armorm::model
