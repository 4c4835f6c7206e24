// Rotary embeddings in place: one thread block per row. Threads with the same x have the same pairs of
// different heads, and share the loads of their angles.
#include <cuda_runtime.h>

#include <algorithm>

#include "model/cuda/block.cuh"
#include "model/cuda/kernels.h"
#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {
namespace {

constexpr std::int64_t kThreads = 256;

template <class T, int N>
__device__ void rotate(T* low, T* high, const float (&cos)[N], const float (&sin)[N]) {
  float a[N];
  float b[N];
  load<T, N>(low, a);
  load<T, N>(high, b);
  float rotated_low[N];
  float rotated_high[N];
#pragma unroll
  for (int i = 0; i < N; ++i) {
    rotated_low[i] = a[i] * cos[i] - b[i] * sin[i];
    rotated_high[i] = b[i] * cos[i] + a[i] * sin[i];
  }
  store<T, N>(rotated_low, low);
  store<T, N>(rotated_high, high);
}

template <class T, int N>
__global__ void rotate_rows(T* x, const float* cos, const float* sin, std::int64_t row_stride, int heads,
                            int half) {
  const std::int64_t row = blockIdx.x;
  T* const begin = x + row * row_stride;
  const int step = static_cast<int>(blockDim.x) * N;
  for (int j = static_cast<int>(threadIdx.x) * N; j < half; j += step) {
    float c[N];
    float s[N];
    load<float, N>(cos + row * half + j, c);
    load<float, N>(sin + row * half + j, s);
    for (int head = static_cast<int>(threadIdx.y); head < heads; head += static_cast<int>(blockDim.y)) {
      T* const low = begin + static_cast<std::int64_t>(head) * 2 * half + j;
      rotate<T, N>(low, low + half, c, s);
    }
  }
}

template <class T>
void launch(void* x, const float* cos, const float* sin, std::int64_t rows, std::int64_t row_stride,
            std::int64_t heads, std::int64_t half, Stream stream) {
  constexpr int n = kVector<T>;
  const bool vectors =
      half % n == 0 && row_stride % n == 0 && aligned16(x) && aligned16(cos) && aligned16(sin);
  const std::int64_t per_head = std::min(half / (vectors ? n : 1), kThreads);
  const dim3 threads(static_cast<unsigned>(per_head),
                     static_cast<unsigned>(std::min(kThreads / per_head, heads)));
  start(vectors ? rotate_rows<T, n> : rotate_rows<T, 1>, dim3(static_cast<unsigned>(rows)), threads, stream,
        static_cast<T*>(x), cos, sin, row_stride, static_cast<int>(heads), static_cast<int>(half));
}

}  // namespace

void launch_rope(Element type, void* x, const float* cos, const float* sin, std::int64_t rows,
                 std::int64_t row_stride, std::int64_t heads, std::int64_t half, Stream stream) {
  if (rows == 0) return;
  if (type == Element::bf16) {
    launch<__nv_bfloat16>(x, cos, sin, rows, row_stride, heads, half, stream);
  } else {
    launch<float>(x, cos, sin, rows, row_stride, heads, half, stream);
  }
}

}  // namespace armorm::model::cuda
