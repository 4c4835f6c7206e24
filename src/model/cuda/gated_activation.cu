// activation(gate) * up for the two halves of each row.
#include <cuda_runtime.h>

#include "model/cuda/kernels.h"
#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {
namespace {

constexpr int kThreads = 256;

struct Silu {
  __device__ float operator()(float x) const { return x / (1.0F + expf(-x)); }
};

struct GeluTanh {
  __device__ float operator()(float x) const {
    return 0.5F * x * (1.0F + tanhf(0.79788456F * (x + 0.044715F * x * x * x)));
  }
};

template <class T, int N, class Activation>
__global__ void gate_rows(const T* gate_up, T* out, std::int64_t width) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t i = (static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x) * N;
  if (i >= width) return;
  float gate[N];
  float up[N];
  load<T, N>(gate_up + 2 * row * width + i, gate);
  load<T, N>(gate_up + (2 * row + 1) * width + i, up);
#pragma unroll
  for (int j = 0; j < N; ++j) up[j] *= Activation()(gate[j]);
  store<T, N>(up, out + row * width + i);
}

template <class T, class Activation>
void launch(const void* gate_up, void* out, std::int64_t rows, std::int64_t width, Stream stream) {
  constexpr int n = kVector<T>;
  const auto* from = static_cast<const T*>(gate_up);
  auto* to = static_cast<T*>(out);
  const bool vectors = width % n == 0 && aligned16(gate_up) && aligned16(out);
  const std::int64_t per_block = static_cast<std::int64_t>(kThreads) * (vectors ? n : 1);
  const dim3 grid(static_cast<unsigned>(rows), static_cast<unsigned>((width + per_block - 1) / per_block));
  if (vectors) {
    gate_rows<T, n, Activation><<<grid, kThreads, 0, stream>>>(from, to, width);
  } else {
    gate_rows<T, 1, Activation><<<grid, kThreads, 0, stream>>>(from, to, width);
  }
}

template <class Activation>
void launch_for(Element type, const void* gate_up, void* out, std::int64_t rows, std::int64_t width,
                Stream stream) {
  if (rows == 0) return;
  if (type == Element::bf16) {
    launch<__nv_bfloat16, Activation>(gate_up, out, rows, width, stream);
  } else {
    launch<float, Activation>(gate_up, out, rows, width, stream);
  }
}

}  // namespace

void launch_gated_silu(Element type, const void* gate_up, void* out, std::int64_t rows, std::int64_t width,
                       Stream stream) {
  launch_for<Silu>(type, gate_up, out, rows, width, stream);
}

void launch_gated_gelu_tanh(Element type, const void* gate_up, void* out, std::int64_t rows,
                            std::int64_t width, Stream stream) {
  launch_for<GeluTanh>(type, gate_up, out, rows, width, stream);
}

}  // namespace armorm::model::cuda
