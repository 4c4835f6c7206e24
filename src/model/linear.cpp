#include "model/linear.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "model/cpu/integers.h"
#include "model/cpu/linear.h"
#include "model/cpu_kernels.h"
#include "model/fp8.h"
#include "model/ops.h"

namespace armorm::model {
namespace {

at::Tensor fp8_product(const Linear& linear, const LinearInput& x) {
  const QuantisedRows rows = quantised(x);
  const QuantisedRows weight{linear.weight, linear.scales};
  if (linear.kernel == nullptr)
    return linear.scaled_mm
               ? multiply_quantised(rows, weight, linear.bias, linear.format == WeightFormat::fp8_fast)
               : reference::multiply_quantised(rows, weight, linear.bias);
  const at::Tensor sums =
      cpu::linear(*linear.kernel, rows.values.to(at::kFloat), linear.weight, linear.out_features, {});
  return scale_sums(sums, rows.scales, linear.scales, linear.bias);
}

cpu::Integers integers_of(WeightFormat format) {
  return format == WeightFormat::int8 ? cpu::Integers::int8 : cpu::Integers::int16;
}

cpu::IntegerWeight integer_weight(const Linear& linear) {
  return {integers_of(linear.format), linear.weight, linear.scales, linear.offsets, linear.input_scales};
}

at::Tensor product(const Linear& linear, const LinearInput& input) {
  if (is_fp8(linear.format)) return fp8_product(linear, input);
  const at::Tensor& x = input.rows;
  if (linear.kernel == nullptr)
    return linear.bias.defined() ? at::linear(x, linear.weight, linear.bias) : at::linear(x, linear.weight);
  if (linear.format != WeightFormat::plain)
    return cpu::integer_linear(*linear.kernel, x, integer_weight(linear), linear.out_features, linear.bias);
  return cpu::linear(*linear.kernel, x, linear.weight, linear.out_features, linear.bias);
}

// product(), without a kernel, into `out`: contiguous, of the result's shape and type. The same bits.
void product_into(const Linear& linear, const LinearInput& x, at::Tensor& out) {
  if (is_fp8(linear.format) && linear.scaled_mm)
    multiply_quantised_into(out, quantised(x), {linear.weight, linear.scales}, linear.bias,
                            linear.format == WeightFormat::fp8_fast);
  else if (is_fp8(linear.format))
    out.copy_(product(linear, x));
  else if (linear.bias.defined())
    at::addmm_out(out, linear.bias, x.rows, linear.weight.t());
  else
    at::mm_out(out, x.rows, linear.weight.t());
}

Linear make_fp8_linear(const at::Tensor& weight, const at::Tensor& bias, WeightFormat format) {
  const QuantisedRows rows = quantise_rows(weight);
  Linear linear{rows.values, bias, weight.size(0), format};
  linear.scales = rows.scales;
  linear.kernel = weight.is_cpu() ? cpu::linear_kernel(kernels_in_use(), at::kFloat) : nullptr;
  if (linear.kernel != nullptr) linear.weight = cpu::pack_weight(rows.values.to(at::kFloat));
  linear.scaled_mm = has_scaled_mm(weight.device());
  return linear;
}

Linear make_integer_linear(const at::Tensor& weight, const at::Tensor& bias, WeightFormat format,
                           bool gated) {
  const bool bytes = format == WeightFormat::int8;
  const cpu::PanelKernel* kernel =
      integer_kernel(kernels_in_use(), bytes ? cpu::Operand::int8 : cpu::Operand::int16);
  if (kernel == nullptr) fail_internal("integer products need a kernel; check_precision() reports it");
  const cpu::IntegerWeight packed = cpu::pack_integers(weight, integers_of(format), gated);
  Linear linear{packed.panels,  bias.defined() ? cpu::pack_vector(bias, gated) : bias,
                weight.size(0), format,
                gated,          kernel};
  linear.scales = packed.scales;
  linear.offsets = packed.offsets;
  linear.input_scales = packed.input_scales;
  return linear;
}

// bfloat16 products of these kernels are as fast as int16 ones.
bool has_fast_bf16(CpuKernels kernels) {
  return kernels == CpuKernels::amx || kernels == CpuKernels::avx512_bf16;
}

}  // namespace

WeightFormat format_of(Precision precision, Fp8Accumulate accumulate) {
  if (precision == Precision::fp8)
    return accumulate == Fp8Accumulate::exact ? WeightFormat::fp8 : WeightFormat::fp8_fast;
  return precision == Precision::int8 ? WeightFormat::int8 : WeightFormat::plain;
}

Linear make_linear(const at::Tensor& weight, const at::Tensor& bias, WeightFormat format, bool gated) {
  if (is_fp8(format)) return make_fp8_linear(weight, bias, format);
  if (format == WeightFormat::int8 && !gated)
    return make_linear(weight, bias,
                       has_fast_bf16(kernels_in_use()) ? WeightFormat::plain : WeightFormat::int16, gated);
  if (format != WeightFormat::plain) return make_integer_linear(weight, bias, format, gated);
  const cpu::PanelKernel* kernel =
      weight.is_cpu() ? cpu::linear_kernel(kernels_in_use(), weight.scalar_type()) : nullptr;
  if (kernel == nullptr) return {weight, bias, weight.size(0)};
  return {cpu::pack_weight(weight, gated),
          bias.defined() ? cpu::pack_vector(bias, gated) : bias,
          weight.size(0),
          format,
          gated,
          kernel};
}

at::Tensor apply(const Linear& linear, const LinearInput& x, std::int64_t rows_at_once) {
  if (rows_at_once == 0 || linear.kernel != nullptr) return product(linear, x);
  const std::int64_t n = x.rows.size(0);
  const std::int64_t padded = (n + rows_at_once - 1) / rows_at_once * rows_at_once;
  const at::ScalarType type = is_fp8(linear.format) ? at::kBFloat16 : x.rows.scalar_type();
  const at::Tensor out = at::empty({padded, linear.out_features}, x.rows.options().dtype(type));
  for (std::int64_t first = 0; first < n; first += rows_at_once) {
    at::Tensor result = out.narrow(0, first, rows_at_once);
    product_into(linear, piece_of(x, first, std::min(rows_at_once, n - first), rows_at_once), result);
  }
  return out.narrow(0, 0, n);
}

LinearInput apply_gated(const Linear& linear, const LinearInput& x, Activation activation,
                        std::int64_t rows_at_once) {
  if (is_fp8(linear.format)) return quantised_gated_activation(apply(linear, x, rows_at_once), activation);
  if (!linear.gated) return gated_activation(apply(linear, x, rows_at_once), activation);
  if (linear.format != WeightFormat::plain)
    return cpu::integer_gated_linear(*linear.kernel, x.rows, integer_weight(linear), linear.out_features / 2,
                                     linear.bias, activation);
  return cpu::gated_linear(*linear.kernel, x.rows, linear.weight, linear.out_features / 2, linear.bias,
                           activation);
}

}  // namespace armorm::model
