// What code with AVX-512 intrinsics shares. Functions with them are compiled for that level alone and called
// only where cpu_features().avx512 is set.
#pragma once

// The "undefined" vectors of GCC 12's headers look uninitialised to it (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <c10/util/BFloat16.h>
#include <immintrin.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "model/cpu/cpu_features.h"

#define ARMORM_INLINE inline __attribute__((always_inline))
#define ARMORM_AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

namespace armorm::model::cpu {

ARMORM_INLINE std::int32_t load_word(const std::byte* from) {
  std::int32_t word = 0;
  std::memcpy(&word, from, sizeof word);
  return word;
}

// To bfloat16: to nearest even; a NaN stays NaN, small numbers stay what they are (VCVTNEPS2BF16 makes them
// 0).
ARMORM_INLINE ARMORM_AVX512 __m256i narrow(__m512 values) {
  const __m512i bits = _mm512_castps_si512(values);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
  const __m512i half = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
  const __mmask16 nan = _mm512_cmp_ps_mask(values, values, _CMP_UNORD_Q);
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half), 16);
  const __m512i quiet = _mm512_or_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(0x40));
  return _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, nan, quiet));
}

// Of the 16 columns from 16 * vector on, those below `end`.
ARMORM_INLINE __mmask16 columns_below(std::int64_t end, int vector) {
  const std::int64_t here = std::clamp<std::int64_t>(end - 16 * vector, 0, 16);
  return static_cast<__mmask16>((1U << here) - 1U);
}

ARMORM_INLINE ARMORM_AVX512 void write(float* out, __mmask16 mask, __m512 values) {
  _mm512_mask_storeu_ps(out, mask, values);
}
ARMORM_INLINE ARMORM_AVX512 void write(at::BFloat16* out, __mmask16 mask, __m512 values) {
  _mm256_mask_storeu_epi16(out, mask, narrow(values));
}

// exp to about one unit in the last place of -87.3 <= x <= 88, to which other values are limited (smaller
// results would be subnormal, which processors compute very slowly): 2^k p(r) with |r| <= ln(2) / 2 and p of
// degree 6 (Cephes' expf). A NaN stays NaN.
ARMORM_INLINE ARMORM_AVX512 __m512 exp16(__m512 x) {
  x = _mm512_max_ps(_mm512_set1_ps(-87.3F), _mm512_min_ps(_mm512_set1_ps(88.0F), x));
  const __m512 k = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504F)), 0);
  __m512 r = _mm512_fnmadd_ps(k, _mm512_set1_ps(0.693359375F), x);
  r = _mm512_fnmadd_ps(k, _mm512_set1_ps(-2.12194440e-4F), r);
  __m512 p = _mm512_set1_ps(1.9875691500e-4F);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1F));
  p = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), _mm512_set1_ps(1.0F));
  return _mm512_scalef_ps(p, k);
}

// 1 / x to about one unit in the last place, for 1 <= x < infinity.
ARMORM_INLINE ARMORM_AVX512 __m512 reciprocal(__m512 x) {
  const __m512 guess = _mm512_rcp14_ps(x);
  return _mm512_mul_ps(guess, _mm512_fnmadd_ps(x, guess, _mm512_set1_ps(2.0F)));
}

ARMORM_INLINE ARMORM_AVX512 __m512 tanh16(__m512 x) {
  const __m512 power = exp16(_mm512_add_ps(x, x));
  return _mm512_fnmadd_ps(_mm512_set1_ps(2.0F), reciprocal(_mm512_add_ps(power, _mm512_set1_ps(1.0F))),
                          _mm512_set1_ps(1.0F));
}

}  // namespace armorm::model::cpu
