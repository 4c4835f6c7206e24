// Whether the tests tagged [gpu] can run.
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

// Why a test of what the first GPU does not notice cannot run, or nullptr.
inline const char* why_no_second_gpu() {
  return has_cuda() && at::getNumGPUs() > 1 ? nullptr : "fewer than two CUDA devices";
}

// Whether this process has memory on the GPU.
inline bool has_context(c10::DeviceIndex gpu) { return at::detail::getCUDAHooks().hasPrimaryContext(gpu); }

}  // namespace armorm::test
