#include "model/ops.h"

#include "model/reference_ops.h"

namespace armorm::model {

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  return reference::rms_norm(x, weight, eps);
}

at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps) {
  return reference::add_rms_norm(residual, delta, weight, eps);
}

void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  reference::rope_inplace(x, cos, sin);
}

at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation) {
  return reference::gated_activation(gate_up, activation);
}

}  // namespace armorm::model
