// Vectors of elements that one thread loads or stores at once, used as floats.
#pragma once

#include <cuda_bf16.h>

#include <cstdint>

namespace armorm::model::cuda {

template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T values[N];
};

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ inline void from_float(float x, float& out) { out = x; }
__device__ inline void from_float(float x, __nv_bfloat16& out) { out = __float2bfloat16_rn(x); }

template <class T, int N>
__device__ inline void load(const T* from, float (&out)[N]) {
  const Pack<T, N> pack = *reinterpret_cast<const Pack<T, N>*>(from);
#pragma unroll
  for (int i = 0; i < N; ++i) out[i] = to_float(pack.values[i]);
}

template <class T, int N>
__device__ inline void store(const float (&values)[N], T* to) {
  Pack<T, N> pack;
#pragma unroll
  for (int i = 0; i < N; ++i) from_float(values[i], pack.values[i]);
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

// Number of elements in 16 bytes.
template <class T>
constexpr int kVector = 16 / static_cast<int>(sizeof(T));

inline bool aligned16(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

}  // namespace armorm::model::cuda
