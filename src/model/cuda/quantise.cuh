// Rows of values divided by a scale and rounded to e4m3.
#pragma once

#include <cuda_fp8.h>

#include "model/cuda/block.cuh"
#include "model/cuda/vectors.cuh"

namespace armorm::model::cuda {

// Of a row with that largest magnitude. Divides instead of multiplying by the inverse, to get the same bits
// as the reference version.
__device__ inline float row_scale(float largest) {
  constexpr float kLargest = 448.0F;
  return largest > 0.0F ? __fdiv_rn(largest, kLargest) : 1.0F;
}

// value / scale, which rounds to the same e4m3 value as the quotient in float32.
template <class T>
class Divider;

template <>
class Divider<float> {
 public:
  explicit __device__ Divider(float scale) : scale_(scale) {}
  __device__ float operator()(float value) const { return __fdiv_rn(value, scale_); }

 private:
  float scale_;
};

// bfloat16 values need no division. high + low is 1 / scale but for 2^-45 of it, and so is the quotient
// before it is rounded to float32. e4m3 can only see this if the exact quotient lies so close to a number b =
// (m 2^20 +- 1) 2^h, half a float32 step away from a tie m of e4m3, which has 5 significant bits. With the
// scale's significand S, 24 bits, b * scale is (m 2^20 +- 1) S times a power of two. Of this product a value
// of 8 significant bits keeps only multiples of 2^20, so it differs by S modulo 2^20, and would have to
// differ by at most 16. But S is A 2^i / 7 rounded, with the 8-bit significand A of the row's largest value
// and i >= 10 also below the normal numbers: S is a multiple of 2^20, where the next value is 2^20 away, or
// more than 100 away from all of them. With low >= 0 a zero keeps its sign.
template <>
class Divider<__nv_bfloat16> {
 public:
  // Assigns in the body: nvcc gives initialisers to the host's compiler, which lacks these functions.
  explicit __device__ Divider(float scale) {
    if (scale < 0x1p-60F) shift_ = 0x1p80F;
    if (scale > 0x1p60F) shift_ = 0x1p-80F;
    const float shifted = scale * shift_;
    high_ = __frcp_rz(shifted);
    // The scale of an infinite value is infinite.
    if (high_ > 0.0F) low_ = __fmul_rn(__fmaf_rn(-high_, shifted, 1.0F), high_);
  }

  __device__ float operator()(float value) const {
    const float shifted = value * shift_;
    return __fmaf_rn(shifted, high_, __fmul_rn(shifted, low_));
  }

 private:
  float shift_ = 1.0F;  // makes scale * shift_ and its inverse normal numbers
  float high_ = 0.0F;
  float low_ = 0.0F;
};

template <class T, int N>
__device__ inline void store_quotients(const float (&values)[N], const Divider<T>& divider,
                                       unsigned char* to) {
  unsigned char bytes[N];
  if constexpr (N == 1) {
    bytes[0] = __nv_cvt_float_to_fp8(divider(values[0]), __NV_SATFINITE, __NV_E4M3);
  } else {
#pragma unroll
    for (int j = 0; j < N; j += 2) {
      const float2 pair = make_float2(divider(values[j]), divider(values[j + 1]));
      const __nv_fp8x2_storage_t both = __nv_cvt_float2_to_fp8x2(pair, __NV_SATFINITE, __NV_E4M3);
      memcpy(bytes + j, &both, sizeof(both));
    }
  }
  Word<unsigned char, N> word;
  memcpy(&word, bytes, sizeof(word));
  write_word<unsigned char, N>(word, to);
}

template <int N>
__device__ inline float largest_magnitude(const float (&values)[N], float largest) {
#pragma unroll
  for (int j = 0; j < N; ++j) largest = fmaxf(largest, fabsf(values[j]));
  return largest;
}

// Vectors of a row that a thread holds at most, for a row of at most kMaxThreads * kHeld * 8 elements.
constexpr int kHeld = 4;

// A row of bfloat16 values in the registers of a block's threads, to be quantised once its largest value is
// known: thread t has the vectors t + k * threads for k < K.
template <int K>
class HeldRow {
 public:
  static constexpr int kWidth = kVector<__nv_bfloat16>;

  // Of the first element of vector k.
  static __device__ std::int64_t position(int k) {
    return (static_cast<std::int64_t>(k) * blockDim.x + threadIdx.x) * kWidth;
  }

  // Rounds the values to bfloat16, as what quantise_rows() reads is rounded.
  __device__ void hold(int k, const float (&values)[kWidth]) {
    vectors_[k] = pack<__nv_bfloat16, kWidth>(values);
    float rounded[kWidth];
    unpack<__nv_bfloat16, kWidth>(vectors_[k], rounded);
    largest_ = largest_magnitude(rounded, largest_);
  }

  // All threads of the block call it.
  __device__ void quantise(std::int64_t width, unsigned char* out, float* scale) const {
    const float row = row_scale(reduce_block<Max>(largest_));
    if (threadIdx.x == 0) write(scale, row);
    const Divider<__nv_bfloat16> divider(row);
#pragma unroll
    for (int k = 0; k < K; ++k) {
      if (position(k) >= width) continue;
      float values[kWidth];
      unpack<__nv_bfloat16, kWidth>(vectors_[k], values);
      store_quotients(values, divider, out + position(k));
    }
  }

 private:
  Word<__nv_bfloat16, kWidth> vectors_[K];
  float largest_ = 0.0F;
};

}  // namespace armorm::model::cuda
