// Quantises rows to e4m3 with one scale per row; one thread block per row.
#include <cuda_fp8.h>
#include <cuda_runtime.h>

#include "model/cuda/kernels.h"
#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kWarp = 32;
constexpr float kLargest = 448.0F;

__device__ float block_max(float value) {
  __shared__ float warps[kThreads / kWarp];
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    value = fmaxf(value, __shfl_xor_sync(0xffffffffU, value, offset));
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  if (lane == 0) warps[threadIdx.x / kWarp] = value;
  __syncthreads();
  float largest = lane < kThreads / kWarp ? warps[lane] : 0.0F;
  for (int offset = kWarp / 2; offset > 0; offset /= 2)
    largest = fmaxf(largest, __shfl_xor_sync(0xffffffffU, largest, offset));
  return largest;
}

template <class T, int N>
__global__ void quantise(const T* x, __nv_fp8_storage_t* out, float* scales, std::int64_t width) {
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * width;
  constexpr int step = kThreads * N;
  float largest = 0.0F;
  for (std::int64_t i = static_cast<int>(threadIdx.x) * N; i < width; i += step) {
    float values[N];
    load<T, N>(x + begin + i, values);
#pragma unroll
    for (int j = 0; j < N; ++j) largest = fmaxf(largest, fabsf(values[j]));
  }
  largest = block_max(largest);
  // Divides instead of multiplying by the inverse, to get the same bits as the reference version.
  const float scale = largest > 0.0F ? __fdiv_rn(largest, kLargest) : 1.0F;
  if (threadIdx.x == 0) scales[blockIdx.x] = scale;
  for (std::int64_t i = static_cast<int>(threadIdx.x) * N; i < width; i += step) {
    float values[N];
    load<T, N>(x + begin + i, values);
    Pack<__nv_fp8_storage_t, N> bytes;
#pragma unroll
    for (int j = 0; j < N; ++j)
      bytes.values[j] = __nv_cvt_float_to_fp8(__fdiv_rn(values[j], scale), __NV_SATFINITE, __NV_E4M3);
    *reinterpret_cast<Pack<__nv_fp8_storage_t, N>*>(out + begin + i) = bytes;
  }
}

template <class T>
void launch(const void* x, void* out, float* scales, std::int64_t rows, std::int64_t width, Stream stream) {
  constexpr int n = kVector<T>;
  const auto* from = static_cast<const T*>(x);
  auto* to = static_cast<__nv_fp8_storage_t*>(out);
  const auto grid = static_cast<unsigned>(rows);
  if (width % n == 0 && aligned16(x) && aligned16(out)) {
    quantise<T, n><<<grid, kThreads, 0, stream>>>(from, to, scales, width);
  } else {
    quantise<T, 1><<<grid, kThreads, 0, stream>>>(from, to, scales, width);
  }
}

}  // namespace

void launch_quantise_rows(Element type, const void* x, void* out, float* scales, std::int64_t rows,
                          std::int64_t width, Stream stream) {
  if (rows == 0) return;
  if (type == Element::bf16) {
    launch<__nv_bfloat16>(x, out, scales, rows, width, stream);
  } else {
    launch<float>(x, out, scales, rows, width, stream);
  }
}

}  // namespace armorm::model::cuda
