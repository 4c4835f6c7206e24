// Rotary embeddings in place: one thread block per row, one thread for a few pairs of a head.
#include <cuda_runtime.h>

#include "model/cuda/kernels.h"
#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {
namespace {

constexpr std::int64_t kMaxThreads = 256;

template <class T, int N>
__global__ void rotate_rows(T* x, const float* cos, const float* sin, std::int64_t row_stride, int heads,
                            int half) {
  const std::int64_t row = blockIdx.x;
  const float* c = cos + row * half;
  const float* s = sin + row * half;
  const int per_head = half / N;
  for (int item = static_cast<int>(threadIdx.x); item < heads * per_head;
       item += static_cast<int>(blockDim.x)) {
    const int j = item % per_head * N;
    T* low = x + row * row_stride + static_cast<std::int64_t>(item / per_head) * 2 * half + j;
    T* high = low + half;
    float a[N];
    float b[N];
    load<T, N>(low, a);
    load<T, N>(high, b);
    float rotated_low[N];
    float rotated_high[N];
#pragma unroll
    for (int i = 0; i < N; ++i) {
      rotated_low[i] = a[i] * c[j + i] - b[i] * s[j + i];
      rotated_high[i] = b[i] * c[j + i] + a[i] * s[j + i];
    }
    store<T, N>(rotated_low, low);
    store<T, N>(rotated_high, high);
  }
}

template <class T>
void launch(void* x, const float* cos, const float* sin, std::int64_t rows, std::int64_t row_stride,
            std::int64_t heads, std::int64_t half, Stream stream) {
  constexpr int n = kVector<T>;
  auto* data = static_cast<T*>(x);
  const bool vectors = half % n == 0 && row_stride % n == 0 && aligned16(x);
  const std::int64_t items = heads * half / (vectors ? n : 1);
  const auto threads = static_cast<unsigned>(items < kMaxThreads ? items : kMaxThreads);
  const auto grid = static_cast<unsigned>(rows);
  const int h = static_cast<int>(heads);
  const int pairs = static_cast<int>(half);
  if (vectors) {
    rotate_rows<T, n><<<grid, threads, 0, stream>>>(data, cos, sin, row_stride, h, pairs);
  } else {
    rotate_rows<T, 1><<<grid, threads, 0, stream>>>(data, cos, sin, row_stride, h, pairs);
  }
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
