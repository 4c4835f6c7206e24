// Whether the tests tagged [gpu] can run, and what they need on a device.
#pragma once

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "model/ops.h"

namespace armorm::test {

inline bool has_cuda() { return at::hasCUDA() && at::getNumGPUs() > 0; }

// Why a test of the CUDA kernels cannot run, or nullptr. Without the kernels it would compare the plain
// operations with themselves.
inline const char* why_no_kernels() {
  if (!model::has_cuda_kernels()) return "the CUDA kernels are not built (nvcc was not found)";
  return has_cuda() ? nullptr : "no CUDA device";
}

// On CUDA, ATen multiplies float32 attention in three products of TF32, or in float32, depending on the
// shape: its bounds are wider there than on the CPU.
constexpr double kCudaAttentionBound = 2e-5;  // relative to the largest value
constexpr double kCudaStatesBound = 5e-5;     // of the hidden states of the golden models

// While it lives, ATen's scaled_dot_product_attention does not use cuDNN, which is not made for keys that
// several heads share by a stride of 0. The backbone does not reach cuDNN: FlashAttention takes all shapes
// that it would take.
class WithoutCudnnAttention {
 public:
  WithoutCudnnAttention() : before_(at::globalContext().userEnabledCuDNNSDP()) {
    at::globalContext().setSDPUseCuDNN(false);
  }
  ~WithoutCudnnAttention() { at::globalContext().setSDPUseCuDNN(before_); }
  WithoutCudnnAttention(const WithoutCudnnAttention&) = delete;
  WithoutCudnnAttention& operator=(const WithoutCudnnAttention&) = delete;

 private:
  bool before_;
};
// Why a test of what the first GPU does not notice cannot run, or nullptr.
inline const char* why_no_second_gpu() {
  return has_cuda() && at::getNumGPUs() > 1 ? nullptr : "fewer than two CUDA devices";
}

// Whether this process has memory on the GPU.
inline bool has_context(c10::DeviceIndex gpu) { return at::detail::getCUDAHooks().hasPrimaryContext(gpu); }

}  // namespace armorm::test
