// Vectors of elements that one thread loads or stores with one instruction, used as floats.
#pragma once

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

#include "model/cuda/memory.cuh"

namespace armorm::model::cuda {

// What one instruction moves.
template <int bytes>
struct WordOf;
template <>
struct WordOf<1> {
  using Type = unsigned char;
};
template <>
struct WordOf<2> {
  using Type = unsigned short;
};
template <>
struct WordOf<4> {
  using Type = unsigned;
};
template <>
struct WordOf<8> {
  using Type = uint2;
};
template <>
struct WordOf<16> {
  using Type = uint4;
};
template <class T, int N>
using Word = typename WordOf<static_cast<int>(sizeof(T)) * N>::Type;

// Number of elements in 16 bytes.
template <class T>
constexpr int kVector = 16 / static_cast<int>(sizeof(T));

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ inline void from_float(float x, float& out) { out = x; }
__device__ inline void from_float(float x, __nv_bfloat16& out) { out = __float2bfloat16_rn(x); }

// Rounds N values to T.
template <class T, int N>
__device__ inline Word<T, N> pack(const float (&values)[N]) {
  T elements[N];
#pragma unroll
  for (int i = 0; i < N; ++i) from_float(values[i], elements[i]);
  Word<T, N> word;
  memcpy(&word, elements, sizeof(word));
  return word;
}

template <class T, int N>
__device__ inline void unpack(const Word<T, N>& word, float* out) {
  T elements[N];
  memcpy(elements, &word, sizeof(word));
#pragma unroll
  for (int i = 0; i < N; ++i) out[i] = to_float(elements[i]);
}

// At most 16 bytes.
template <class T, int N>
__device__ inline Word<T, N> read_word(const T* from) {
  return read(reinterpret_cast<const Word<T, N>*>(from));
}

template <class T, int N>
__device__ inline void write_word(const Word<T, N>& word, T* to) {
  write(reinterpret_cast<Word<T, N>*>(to), word);
}

// More than 16 bytes take several loads. `from` is a multiple of what one moves.
template <class T, int N>
__device__ inline void load(const T* from, float (&out)[N]) {
  constexpr int n = N < kVector<T> ? N : kVector<T>;
#pragma unroll
  for (int i = 0; i < N; i += n) unpack<T, n>(read_word<T, n>(from + i), out + i);
}

template <class T, int N>
__device__ inline void store(const float (&values)[N], T* to) {
  write_word<T, N>(pack<T, N>(values), to);
}

inline bool aligned16(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % 16 == 0; }

}  // namespace armorm::model::cuda
