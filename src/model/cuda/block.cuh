// Blocks of threads: how they are started, and sums and maxima over them.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "model/cuda/kernels.h"

namespace armorm::model::cuda {

constexpr int kWarp = 32;
constexpr int kMaxThreads = 1024;

// kernel<<<grid, threads, 0, stream>>>(arguments...) as a function, which the tests define for the host. The
// caller of a launcher reads the error.
template <class... Parameters, class... Arguments>
void start(void (*kernel)(Parameters...), dim3 grid, dim3 threads, Stream stream, Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = threads;
  config.stream = stream;
  static_cast<void>(cudaLaunchKernelEx(&config, kernel, arguments...));
}

// Complete warps, one thread for each item where a block can have so many.
inline unsigned threads_for(std::int64_t items) {
  const std::int64_t rounded = (items + kWarp - 1) / kWarp * kWarp;
  return static_cast<unsigned>(rounded < kMaxThreads ? rounded : kMaxThreads);
}

struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
};

struct Max {
  __device__ float operator()(float a, float b) const { return fmaxf(a, b); }
};

template <class Op>
__device__ inline float reduce_warp(float value) {
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    value = Op()(value, __shfl_xor_sync(0xffffffffU, value, offset));
  return value;
}

// Of one value >= 0 from each thread of the block, which has complete warps. All threads get the same bits.
// At most once in a kernel for each Op: nothing protects its shared memory from a second call.
template <class Op>
__device__ inline float reduce_block(float value) {
  __shared__ float warps[kMaxThreads / kWarp];
  value = reduce_warp<Op>(value);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  if (lane == 0) warps[warp] = value;
  __syncthreads();
  // Every warp combines the same values in the same order.
  const int count = static_cast<int>(blockDim.x) / kWarp;
  return reduce_warp<Op>(lane < count ? warps[lane] : 0.0F);
}

}  // namespace armorm::model::cuda
