// activation(gate) * up for the two halves of each row, optionally quantised.
#include <cuda_runtime.h>

#include "model/cuda/block.cuh"
#include "model/cuda/kernels.h"
#include "model/cuda/quantise.cuh"
#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {
namespace {

constexpr int kThreads = 256;

struct Silu {
  // The fast division is off by two float32 steps at most, and gives 0 for gates below -87, where the exact
  // result is below 1e-36.
  __device__ float operator()(float x) const { return __fdividef(x, __fadd_rn(1.0F, expf(-x))); }
};

struct GeluTanh {
  __device__ float operator()(float x) const {
    return 0.5F * x * (1.0F + tanhf(0.79788456F * (x + 0.044715F * x * x * x)));
  }
};

template <class Activation, class T, int N>
__device__ void gate(const Word<T, N>& gates, const Word<T, N>& ups, float (&values)[N]) {
  float inputs[N];
  unpack<T, N>(gates, inputs);
  unpack<T, N>(ups, values);
#pragma unroll
  for (int j = 0; j < N; ++j) values[j] = __fmul_rn(values[j], Activation()(inputs[j]));
}

template <class T, int N, class Activation>
__global__ void gate_rows(const T* gate_up, T* out, std::int64_t width) {
  const std::int64_t row = blockIdx.x;
  const std::int64_t i = (static_cast<std::int64_t>(blockIdx.y) * kThreads + threadIdx.x) * N;
  if (i >= width) return;
  const T* const from = gate_up + 2 * row * width + i;
  float values[N];
  gate<Activation, T, N>(read_word<T, N>(from), read_word<T, N>(from + width), values);
  store<T, N>(values, out + row * width + i);
}

template <class Activation>
__global__ void __launch_bounds__(kMaxThreads)
    quantised_gate_rows(const __nv_bfloat16* gate_up, unsigned char* out, float* scales, std::int64_t width) {
  using Row = HeldRow<kHeld>;
  using T = __nv_bfloat16;
  constexpr int n = Row::kWidth;
  const std::int64_t begin = static_cast<std::int64_t>(blockIdx.x) * width;
  const T* const from = gate_up + 2 * begin;
  // Before the arithmetic, so that several loads of a thread are under way at once.
  Word<T, n> gates[kHeld];
  Word<T, n> ups[kHeld];
#pragma unroll
  for (int k = 0; k < kHeld; ++k) {
    const std::int64_t i = Row::position(k);
    if (i >= width) continue;
    gates[k] = read_word<T, n>(from + i);
    ups[k] = read_word<T, n>(from + width + i);
  }
  Row row;
#pragma unroll
  for (int k = 0; k < kHeld; ++k) {
    if (Row::position(k) >= width) continue;
    float values[n];
    gate<Activation, T, n>(gates[k], ups[k], values);
    row.hold(k, values);
  }
  row.quantise(width, out + begin, scales + blockIdx.x);
}

template <class T, class Activation>
void launch(const void* gate_up, void* out, std::int64_t rows, std::int64_t width, Stream stream) {
  constexpr int n = kVector<T>;
  const bool vectors = width % n == 0 && aligned16(gate_up) && aligned16(out);
  const std::int64_t per_block = static_cast<std::int64_t>(kThreads) * (vectors ? n : 1);
  const dim3 grid(static_cast<unsigned>(rows), static_cast<unsigned>((width + per_block - 1) / per_block));
  start(vectors ? gate_rows<T, n, Activation> : gate_rows<T, 1, Activation>, grid, dim3(kThreads), stream,
        static_cast<const T*>(gate_up), static_cast<T*>(out), width);
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

template <class Activation>
void launch_quantised(const void* gate_up, void* out, float* scales, std::int64_t rows, std::int64_t width,
                      Stream stream) {
  if (rows == 0) return;
  const std::int64_t vectors = width / kVector<__nv_bfloat16>;
  start(quantised_gate_rows<Activation>, dim3(static_cast<unsigned>(rows)),
        dim3(threads_for((vectors + kHeld - 1) / kHeld)), stream, static_cast<const __nv_bfloat16*>(gate_up),
        static_cast<unsigned char*>(out), scales, width);
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

void launch_quantised_gated_silu(const void* gate_up, void* out, float* scales, std::int64_t rows,
                                 std::int64_t width, Stream stream) {
  launch_quantised<Silu>(gate_up, out, scales, rows, width, stream);
}

void launch_quantised_gated_gelu_tanh(const void* gate_up, void* out, float* scales, std::int64_t rows,
                                      std::int64_t width, Stream stream) {
  launch_quantised<GeluTanh>(gate_up, out, scales, rows, width, stream);
}

}  // namespace armorm::model::cuda
