// Steps of RMSNorm. They round each step, whatever stands around them: equal bits in all kernels.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {

template <int N>
__device__ inline float add_squares(const float (&values)[N], float squares) {
#pragma unroll
  for (int j = 0; j < N; ++j) squares = __fmaf_rn(values[j], values[j], squares);
  return squares;
}

__device__ inline float inverse_root_of_mean(float sum, std::int64_t width, float eps) {
  return rsqrtf(__fadd_rn(__fdiv_rn(sum, static_cast<float>(width)), eps));
}

template <int N>
__device__ inline void normalise(float (&values)[N], float scale, const float* weight) {
  float factors[N];
  load<float, N>(weight, factors);
#pragma unroll
  for (int j = 0; j < N; ++j) values[j] = __fmul_rn(__fmul_rn(values[j], scale), factors[j]);
}

}  // namespace armorm::model::cuda
