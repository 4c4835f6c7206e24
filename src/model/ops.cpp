#include "model/ops.h"

#include "model/cpu_kernels.h"
#include "model/reference_ops.h"

namespace armorm::model {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return cpu::supports(x) ? cpu::rms_norm(x, weight, eps) : reference::rms_norm(x, weight, eps);
}

at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps) {
  return cpu::supports(residual) && cpu::supports(delta)
             ? cpu::add_rms_norm(residual, delta, weight, eps)
             : reference::add_rms_norm(residual, delta, weight, eps);
}

void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  if (cpu::supports(x)) return cpu::rope_inplace(x, cos, sin);
  reference::rope_inplace(x, cos, sin);
}

at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation) {
  return cpu::supports(gate_up) ? cpu::gated_activation(gate_up, activation)
                                : reference::gated_activation(gate_up, activation);
}

}  // namespace armorm::model
