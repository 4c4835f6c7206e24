#include "stages/build_facts.h"

#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <fmt/format.h>
#include <torch/version.h>

#include "data/arrow_version.h"
#include "linear/dense/blas_library.h"

namespace armorm {
namespace {

// "13.0" of 13000, CUDA's own way to write a version.
std::string cuda_version(long number) { return fmt::format("{}.{}", number / 1000, number % 1000 / 10); }

std::string cuda() {
  const at::CUDAHooksInterface& hooks = at::detail::getCUDAHooks();
  if (!hooks.hasCUDART()) return "none; runs on the CPU only";
#if defined(ARMORM_WITH_CUDA)
  const char* kernels = "own kernels for sm_" ARMORM_CUDA_ARCHITECTURES;
#else
  const char* kernels = "no kernels of its own";
#endif
  return fmt::format("{}, {}, devices: {}", cuda_version(hooks.versionCUDART()), kernels, hooks.getNumGPUs());
}

}  // namespace

BuildFacts library_facts() {
  return {{"libtorch", fmt::format("{}, kernels for {}", TORCH_VERSION, at::get_cpu_capability())},
          {"cuda", cuda()},
          {"arrow", data::arrow_version()},
          {"openblas", dense::blas_description()}};
}

}  // namespace armorm
