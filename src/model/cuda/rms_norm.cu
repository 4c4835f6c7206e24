// RMSNorm, optionally after the residual addition; one thread block per row.
#include <cuda_runtime.h>

#include "model/cuda/kernels.h"
#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {
namespace {

constexpr int kMaxThreads = 1024;
constexpr int kWarp = 32;

__device__ float block_sum(float value) {
  __shared__ float warps[kMaxThreads / kWarp];
  for (int offset = kWarp / 2; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffU, value, offset);
  const int warp = static_cast<int>(threadIdx.x) / kWarp;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  if (lane == 0) warps[warp] = value;
  __syncthreads();
  // Every warp adds the same partial sums in the same order, so that all threads hold the same bits.
  const int count = static_cast<int>(blockDim.x) / kWarp;
  float total = lane < count ? warps[lane] : 0.0F;
  for (int offset = kWarp / 2; offset > 0; offset /= 2) total += __shfl_xor_sync(0xffffffffU, total, offset);
  return total;
}

// If delta is null, x is only read.
template <class T, int N>
__global__ void norm_rows(T* x, const T* delta, const float* weight, T* out, std::int64_t width, float eps) {
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * width;
  const int step = static_cast<int>(blockDim.x) * N;
  float squares = 0.0F;
  for (std::int64_t i = static_cast<int>(threadIdx.x) * N; i < width; i += step) {
    float values[N];
    load<T, N>(x + begin + i, values);
    if (delta != nullptr) {
      float added[N];
      load<T, N>(delta + begin + i, added);
#pragma unroll
      for (int j = 0; j < N; ++j) {
        T rounded;
        from_float(values[j] + added[j], rounded);
        values[j] = to_float(rounded);
      }
      store<T, N>(values, x + begin + i);
    }
#pragma unroll
    for (int j = 0; j < N; ++j) squares += values[j] * values[j];
  }
  const float scale = rsqrtf(block_sum(squares) / static_cast<float>(width) + eps);
  // A thread rereads only its own writes; the row is still in the cache.
  for (std::int64_t i = static_cast<int>(threadIdx.x) * N; i < width; i += step) {
    float values[N];
    load<T, N>(x + begin + i, values);
#pragma unroll
    for (int j = 0; j < N; ++j) values[j] = values[j] * scale * weight[i + j];
    store<T, N>(values, out + begin + i);
  }
}

int threads_for(std::int64_t items) {
  const std::int64_t rounded = (items + kWarp - 1) / kWarp * kWarp;
  return static_cast<int>(rounded < kMaxThreads ? rounded : kMaxThreads);
}

template <class T>
void launch(void* x, const void* delta, const float* weight, void* out, std::int64_t rows, std::int64_t width,
            float eps, Stream stream) {
  auto* from = static_cast<T*>(x);
  const auto* added = static_cast<const T*>(delta);
  auto* to = static_cast<T*>(out);
  const auto grid = static_cast<unsigned>(rows);
  constexpr int n = kVector<T>;
  if (width % n == 0 && aligned16(x) && aligned16(out) && aligned16(delta)) {
    norm_rows<T, n><<<grid, threads_for(width / n), 0, stream>>>(from, added, weight, to, width, eps);
  } else {
    norm_rows<T, 1><<<grid, threads_for(width), 0, stream>>>(from, added, weight, to, width, eps);
  }
}

}  // namespace

void launch_add_rms_norm(Element type, void* residual, const void* delta, const float* weight, void* out,
                         std::int64_t rows, std::int64_t width, float eps, Stream stream) {
  if (rows == 0) return;
  if (type == Element::bf16) {
    launch<__nv_bfloat16>(residual, delta, weight, out, rows, width, eps, stream);
  } else {
    launch<float>(residual, delta, weight, out, rows, width, eps, stream);
  }
}

void launch_rms_norm(Element type, const void* x, const float* weight, void* out, std::int64_t rows,
                     std::int64_t width, float eps, Stream stream) {
  // Without a delta the kernel does not write x.
  launch_add_rms_norm(type, const_cast<void*>(x), nullptr, weight, out, rows, width, eps, stream);
}

}  // namespace armorm::model::cuda
