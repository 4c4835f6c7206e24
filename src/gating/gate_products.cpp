#include "gating/gate_products.h"

#include <ATen/ATen.h>

#include "model/cpu/linear.h"
#include "model/cpu_kernels.h"

namespace armorm::gating {
namespace {

namespace cpu = model::cpu;

at::ScalarType operand_type(GatePrecision precision) {
  return precision == GatePrecision::bf16 ? at::kBFloat16 : at::kFloat;
}

const cpu::PanelKernel* kernel_for(const at::Tensor& x, at::ScalarType type) {
  return x.is_cpu() ? cpu::linear_kernel(model::kernels_in_use(), type) : nullptr;
}

at::Tensor plain_product(const at::Tensor& a, const at::Tensor& b, at::ScalarType type) {
  return a.to(type).matmul(b.to(type)).to(at::kFloat);
}

}  // namespace

at::Tensor to_operand(const at::Tensor& x, GatePrecision precision) { return x.to(operand_type(precision)); }

at::Tensor layer_output(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                        GatePrecision precision) {
  const at::ScalarType type = operand_type(precision);
  const cpu::PanelKernel* kernel = kernel_for(x, type);
  if (kernel == nullptr) return plain_product(x, weight.t(), type).add_(bias);
  return cpu::linear(*kernel, x.to(type), cpu::pack_weight(weight.to(type)), weight.size(0),
                     cpu::pack_vector(bias), at::kFloat);
}

at::Tensor input_gradient(const at::Tensor& d, const at::Tensor& weight, GatePrecision precision) {
  const at::ScalarType type = operand_type(precision);
  const cpu::PanelKernel* kernel = kernel_for(d, type);
  if (kernel == nullptr) return plain_product(d, weight, type);
  return cpu::linear(*kernel, d.to(type), cpu::pack_columns(weight.to(type)), weight.size(1), {}, at::kFloat);
}

at::Tensor weight_gradient(const at::Tensor& d, const at::Tensor& x, GatePrecision precision) {
  const at::ScalarType type = operand_type(precision);
  const cpu::PanelKernel* kernel = kernel_for(d, type);
  if (kernel == nullptr) return plain_product(d.t(), x, type);
  return cpu::linear(*kernel, d.to(type).t().contiguous(), cpu::pack_columns(x.to(type)), x.size(1), {},
                     at::kFloat);
}

}  // namespace armorm::gating
