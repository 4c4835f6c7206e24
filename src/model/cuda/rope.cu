// Rotary embeddings in place, optionally after a norm of each head: one thread block per row. Threads with
// the same x have the same pairs of different heads, and share the loads of their angles.
#include <cuda_runtime.h>

#include <algorithm>

#include "model/cuda/block.cuh"
#include "model/cuda/kernels.h"
#include "model/cuda/norm.cuh"
#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {
namespace {

constexpr std::int64_t kThreads = 256;

// Of the pairs low[i], high[i].
template <class T, int N>
__device__ void rotate(const float (&low)[N], const float (&high)[N], const float (&cos)[N],
                       const float (&sin)[N], T* low_out, T* high_out) {
  float rotated_low[N];
  float rotated_high[N];
#pragma unroll
  for (int i = 0; i < N; ++i) {
    rotated_low[i] = low[i] * cos[i] - high[i] * sin[i];
    rotated_high[i] = high[i] * cos[i] + low[i] * sin[i];
  }
  store<T, N>(rotated_low, low_out);
  store<T, N>(rotated_high, high_out);
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
      float a[N];
      float b[N];
      load<T, N>(low, a);
      load<T, N>(low + half, b);
      rotate<T, N>(a, b, c, s, low, low + half);
    }
  }
}

// One warp for each head. A lane rereads only its own elements.
template <class T, int N>
__global__ void norm_rotate_rows(T* x, const float* weight, float eps, const float* cos, const float* sin,
                                 std::int64_t row_stride, int heads, int half) {
  const std::int64_t row = blockIdx.x;
  const int first = static_cast<int>(threadIdx.x) * N;
  float a[N];
  float b[N];
  for (int head = static_cast<int>(threadIdx.y); head < heads; head += static_cast<int>(blockDim.y)) {
    T* const low = x + row * row_stride + static_cast<std::int64_t>(head) * 2 * half;
    float squares = 0.0F;
    for (int j = first; j < half; j += kWarp * N) {
      load<T, N>(low + j, a);
      load<T, N>(low + half + j, b);
      squares = add_squares(b, add_squares(a, squares));
    }
    const float scale = inverse_root_of_mean(reduce_warp<Sum>(squares), std::int64_t{2} * half, eps);
    for (int j = first; j < half; j += kWarp * N) {
      float c[N];
      float s[N];
      load<float, N>(cos + row * half + j, c);
      load<float, N>(sin + row * half + j, s);
      load<T, N>(low + j, a);
      load<T, N>(low + half + j, b);
      normalise(a, scale, weight + j);
      normalise(b, scale, weight + half + j);
      rotate<T, N>(a, b, c, s, low + j, low + half + j);
    }
  }
}

template <class T>
void launch_norm(void* x, const float* weight, float eps, const float* cos, const float* sin,
                 std::int64_t rows, std::int64_t row_stride, std::int64_t heads, std::int64_t half,
                 Stream stream) {
  constexpr int n = kVector<T>;
  const bool vectors = half % n == 0 && row_stride % n == 0 && aligned16(x) && aligned16(weight) &&
                       aligned16(cos) && aligned16(sin);
  const dim3 threads(kWarp, static_cast<unsigned>(std::min(kThreads / kWarp, heads)));
  start(vectors ? norm_rotate_rows<T, n> : norm_rotate_rows<T, 1>, dim3(static_cast<unsigned>(rows)), threads,
        stream, static_cast<T*>(x), weight, eps, cos, sin, row_stride, static_cast<int>(heads),
        static_cast<int>(half));
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

void launch_norm_rope(Element type, void* x, const float* weight, float eps, const float* cos,
                      const float* sin, std::int64_t rows, std::int64_t row_stride, std::int64_t heads,
                      std::int64_t half, Stream stream) {
  if (rows == 0) return;
  if (type == Element::bf16) {
    launch_norm<__nv_bfloat16>(x, weight, eps, cos, sin, rows, row_stride, heads, half, stream);
  } else {
    launch_norm<float>(x, weight, eps, cos, sin, rows, row_stride, heads, half, stream);
  }
}

}  // namespace armorm::model::cuda
