// Quantises rows to e4m3 with one scale per row; one thread block per row.
#include <cuda_runtime.h>

#include <algorithm>

#include "model/cuda/kernels.h"
#include "model/cuda/quantise.cuh"

namespace armorm::model::cuda {
namespace {

constexpr int kThreads = 256;

template <class T, int N>
__global__ void quantise(const T* x, unsigned char* out, float* scales, std::int64_t width) {
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * width;
  constexpr int step = kThreads * N;
  float largest = 0.0F;
  for (std::int64_t i = static_cast<int>(threadIdx.x) * N; i < width; i += step) {
    float values[N];
    load<T, N>(x + begin + i, values);
    largest = largest_magnitude(values, largest);
  }
  const float scale = row_scale(reduce_block<Max>(largest));
  if (threadIdx.x == 0) write(scales + blockIdx.x, scale);
  const Divider<T> divider(scale);
  for (std::int64_t i = static_cast<int>(threadIdx.x) * N; i < width; i += step) {
    float values[N];
    load<T, N>(x + begin + i, values);
    store_quotients(values, divider, out + begin + i);
  }
}

template <class T>
void launch(const void* x, void* out, float* scales, std::int64_t rows, std::int64_t width, Stream stream) {
  constexpr int n = kVector<T>;
  const auto* from = static_cast<const T*>(x);
  auto* to = static_cast<unsigned char*>(out);
  const bool vectors = width % n == 0 && aligned16(x) && aligned16(out);
  start(vectors ? quantise<T, n> : quantise<T, 1>, dim3(static_cast<unsigned>(rows)), dim3(kThreads), stream,
        from, to, scales, width);
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

bool quantises_at_once(Element type, std::int64_t width, std::initializer_list<const void*> data) {
  constexpr int n = kVector<__nv_bfloat16>;
  return type == Element::bf16 && width % n == 0 && width <= std::int64_t{kMaxThreads} * kHeld * n &&
         std::all_of(data.begin(), data.end(), aligned16);
}

}  // namespace armorm::model::cuda
