// The host's <cuda_runtime.h>: what the kernels of src/model/cuda use of it, on block.h.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "support/simt/block.h"

#define __device__
#define __global__
#define __launch_bounds__(threads)
// One block runs at a time.
#define __shared__ static

using dim3 = armorm::test::simt::Extent;
using armorm::test::simt::blockDim;
using armorm::test::simt::blockIdx;
using armorm::test::simt::gridDim;
using armorm::test::simt::threadIdx;

struct alignas(8) float2 {
  float x, y;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
inline float2 make_float2(float x, float y) { return {x, y}; }

struct CUstream_st;
enum cudaError_t { cudaSuccess };

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  CUstream_st* stream = nullptr;
};

template <class... Parameters, class... Arguments>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameters...),
                               Arguments&&... arguments) {
  armorm::test::simt::run_grid(config->gridDim, config->blockDim,
                               [&] { kernel(static_cast<Parameters>(arguments)...); });
  return cudaSuccess;
}

inline void __syncthreads(const armorm::test::simt::Site& site = armorm::test::simt::Site::current()) {
  armorm::test::simt::wait_at_barrier(site);
}

inline float __shfl_xor_sync(unsigned mask, float value, int lane_mask,
                             const armorm::test::simt::Site& site = armorm::test::simt::Site::current()) {
  return std::bit_cast<float>(
      armorm::test::simt::shuffle_xor(mask, std::bit_cast<std::uint32_t>(value), lane_mask, site));
}

inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float rsqrtf(float x) { return 1.0F / std::sqrt(x); }

// 1 / x, rounded towards zero, of x > 0.
inline float __frcp_rz(float x) {
  const float nearest = 1.0F / x;
  return std::fma(nearest, x, -1.0F) > 0.0F ? std::nextafter(nearest, 0.0F) : nearest;
}

// Also 0 for large divisors, as CUDA's programming guide says.
inline float __fdividef(float a, float b) { return std::fabs(b) > 0x1p126F ? a * 0.0F : a / b; }
