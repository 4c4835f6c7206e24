#include "model/ops.h"

#include "model/cpu/kernels.h"
#include "model/reference_ops.h"
#ifdef ARMORM_WITH_CUDA
#include "model/cuda/cuda_ops.h"
#endif

namespace armorm::model {
namespace {

enum class Backend { cpu, cuda, reference };

Backend backend_for(const at::Tensor& x) {
  if (cpu::supports(x)) return Backend::cpu;
#ifdef ARMORM_WITH_CUDA
  if (cuda::supports(x)) return Backend::cuda;
#endif
  return Backend::reference;
}

}  // namespace

bool has_cuda_kernels() noexcept {
#ifdef ARMORM_WITH_CUDA
  return true;
#else
  return false;
#endif
}

#ifndef ARMORM_WITH_CUDA
// Without the kernels backend_for() never returns cuda.
namespace cuda = reference;
#endif

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  switch (backend_for(x)) {
    case Backend::cpu:
      return cpu::rms_norm(x, weight, eps);
    case Backend::cuda:
      return cuda::rms_norm(x, weight, eps);
    case Backend::reference:
      break;
  }
  return reference::rms_norm(x, weight, eps);
}

at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps) {
  if (backend_for(delta) == backend_for(residual)) {
    switch (backend_for(residual)) {
      case Backend::cpu:
        return cpu::add_rms_norm(residual, delta, weight, eps);
      case Backend::cuda:
        return cuda::add_rms_norm(residual, delta, weight, eps);
      case Backend::reference:
        break;
    }
  }
  return reference::add_rms_norm(residual, delta, weight, eps);
}

void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  switch (backend_for(x)) {
    case Backend::cpu:
      return cpu::rope_inplace(x, cos, sin);
    case Backend::cuda:
      return cuda::rope_inplace(x, cos, sin);
    case Backend::reference:
      break;
  }
  reference::rope_inplace(x, cos, sin);
}

void norm_rope_inplace(at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& cos,
                       const at::Tensor& sin) {
  switch (backend_for(x)) {
    case Backend::cpu:
      return cpu::norm_rope_inplace(x, weight, eps, cos, sin);
    case Backend::cuda:
      return cuda::norm_rope_inplace(x, weight, eps, cos, sin);
    case Backend::reference:
      break;
  }
  reference::norm_rope_inplace(x, weight, eps, cos, sin);
}

at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation) {
  switch (backend_for(gate_up)) {
    case Backend::cpu:
      return cpu::gated_activation(gate_up, activation);
    case Backend::cuda:
      return cuda::gated_activation(gate_up, activation);
    case Backend::reference:
      break;
  }
  return reference::gated_activation(gate_up, activation);
}

}  // namespace armorm::model
