// RMSNorm, optionally after the residual addition, and optionally quantised; one thread block per row.
#include <cuda_runtime.h>

#include "model/cuda/block.cuh"
#include "model/cuda/kernels.h"
#include "model/cuda/norm.cuh"
#include "model/cuda/quantise.cuh"
#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {
namespace {

// The elements of the row to be normalised. With a delta, x += delta; if it is null, x is only read.
template <class T, int N>
__device__ void read_sum(T* x, const T* delta, float (&values)[N]) {
  load<T, N>(x, values);
  if (delta == nullptr) return;
  float added[N];
  load<T, N>(delta, added);
#pragma unroll
  for (int j = 0; j < N; ++j) values[j] += added[j];
  const Word<T, N> rounded = pack<T, N>(values);
  write_word<T, N>(rounded, x);
  unpack<T, N>(rounded, values);
}

__device__ float inverse_rms(float squares, std::int64_t width, float eps) {
  return inverse_root_of_mean(reduce_block<Sum>(squares), width, eps);
}

template <class T, int N>
__global__ void norm_rows(T* x, const T* delta, const float* weight, T* out, std::int64_t width, float eps) {
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * width;
  const int step = static_cast<int>(blockDim.x) * N;
  float squares = 0.0F;
  for (std::int64_t i = static_cast<int>(threadIdx.x) * N; i < width; i += step) {
    float values[N];
    read_sum<T, N>(x + begin + i, delta == nullptr ? nullptr : delta + begin + i, values);
    squares = add_squares(values, squares);
  }
  const float scale = inverse_rms(squares, width, eps);
  // A thread rereads only its own writes; the row is still in the cache.
  for (std::int64_t i = static_cast<int>(threadIdx.x) * N; i < width; i += step) {
    float values[N];
    load<T, N>(x + begin + i, values);
    normalise(values, scale, weight + i);
    store<T, N>(values, out + begin + i);
  }
}

// As norm_rows with vectors, whose threads it has: equal sums.
template <int K>
__global__ void __launch_bounds__(kMaxThreads)
    quantised_norm_rows(__nv_bfloat16* x, const __nv_bfloat16* delta, const float* weight, unsigned char* out,
                        float* scales, std::int64_t width, float eps) {
  using Row = HeldRow<K>;
  using T = __nv_bfloat16;
  constexpr int n = Row::kWidth;
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * width;
  Word<T, n> sums[K];
  float squares = 0.0F;
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const std::int64_t i = Row::position(k);
    if (i >= width) continue;
    float values[n];
    read_sum<T, n>(x + begin + i, delta == nullptr ? nullptr : delta + begin + i, values);
    squares = add_squares(values, squares);
    sums[k] = pack<T, n>(values);
  }
  const float scale = inverse_rms(squares, width, eps);
  Row row;
#pragma unroll
  for (int k = 0; k < K; ++k) {
    const std::int64_t i = Row::position(k);
    if (i >= width) continue;
    float values[n];
    unpack<T, n>(sums[k], values);
    normalise(values, scale, weight + i);
    row.hold(k, values);
  }
  row.quantise(width, out + begin, scales + blockIdx.x);
}

template <class T>
void launch(void* x, const void* delta, const float* weight, void* out, std::int64_t rows, std::int64_t width,
            float eps, Stream stream) {
  constexpr int n = kVector<T>;
  const bool vectors =
      width % n == 0 && aligned16(x) && aligned16(out) && aligned16(delta) && aligned16(weight);
  start(vectors ? norm_rows<T, n> : norm_rows<T, 1>, dim3(static_cast<unsigned>(rows)),
        dim3(threads_for(vectors ? width / n : width)), stream, static_cast<T*>(x),
        static_cast<const T*>(delta), weight, static_cast<T*>(out), width, eps);
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

void launch_quantised_add_rms_norm(void* residual, const void* delta, const float* weight, void* out,
                                   float* scales, std::int64_t rows, std::int64_t width, float eps,
                                   Stream stream) {
  if (rows == 0) return;
  const std::int64_t vectors = width / kVector<__nv_bfloat16>;
  start(vectors <= kMaxThreads ? quantised_norm_rows<1> : quantised_norm_rows<kHeld>,
        dim3(static_cast<unsigned>(rows)), dim3(threads_for(vectors)), stream,
        static_cast<__nv_bfloat16*>(residual), static_cast<const __nv_bfloat16*>(delta), weight,
        static_cast<unsigned char*>(out), scales, width, eps);
}

void launch_quantised_rms_norm(const void* x, const float* weight, void* out, float* scales,
                               std::int64_t rows, std::int64_t width, float eps, Stream stream) {
  launch_quantised_add_rms_norm(const_cast<void*>(x), nullptr, weight, out, scales, rows, width, eps, stream);
}

}  // namespace armorm::model::cuda
