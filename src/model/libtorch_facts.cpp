#include "model/libtorch_facts.h"

#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <fmt/core.h>
#include <torch/version.h>

#include "model/cudnn.h"

namespace armorm::model {
namespace {

// 13000 -> "13.0", CUDA's encoding of a version.
std::string cuda_version(long number) { return fmt::format("{}.{}", number / 1000, number % 1000 / 10); }

std::string cuda() {
  const at::CUDAHooksInterface& hooks = at::detail::getCUDAHooks();
  if (!hooks.hasCUDART()) return "none; runs on the CPU only";
#if defined(ARMORM_WITH_CUDA)
  const char* kernels = "own kernels for sm_" ARMORM_CUDA_ARCHITECTURES;
#else
  const char* kernels = "no kernels of its own";
#endif
  const std::string cudnn = cudnn_name();
  return fmt::format("{}, {}, attention: {}, devices: {}", cuda_version(hooks.versionCUDART()), kernels,
                     cudnn.empty() ? "without cuDNN" : cudnn, hooks.getNumGPUs());
}

}  // namespace

std::string libtorch_version() { return TORCH_VERSION; }

BuildFacts libtorch_facts() {
  return {{"libtorch", fmt::format("{}, kernels for {}", TORCH_VERSION, at::get_cpu_capability())},
          {"cuda", cuda()}};
}

}  // namespace armorm::model
