// Transposition of 16 x 16 words of 4 bytes in the registers of AVX-512.
#pragma once

#if defined(__x86_64__)
// The "undefined" vectors of GCC 12's headers look uninitialised to it (GCC bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace armorm {

// Strides in bytes between rows. 4 x 4 blocks are transposed within each quarter of a row, then the quarters.
inline __attribute__((always_inline, target("avx512f"))) void transpose_16x16_words(const std::byte* from,
                                                                                    std::int64_t from_stride,
                                                                                    std::byte* to,
                                                                                    std::int64_t to_stride) {
  __m512i a[16];
  __m512i b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_si512(from + i * from_stride);
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
    a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
    a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
    a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i low_even = _mm512_shuffle_i32x4(a[i], a[4 + i], 0x88);
    const __m512i low_odd = _mm512_shuffle_i32x4(a[i], a[4 + i], 0xdd);
    const __m512i high_even = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0x88);
    const __m512i high_odd = _mm512_shuffle_i32x4(a[8 + i], a[12 + i], 0xdd);
    std::byte* const row = to + i * to_stride;
    _mm512_storeu_si512(row, _mm512_shuffle_i32x4(low_even, high_even, 0x88));
    _mm512_storeu_si512(row + 4 * to_stride, _mm512_shuffle_i32x4(low_odd, high_odd, 0x88));
    _mm512_storeu_si512(row + 8 * to_stride, _mm512_shuffle_i32x4(low_even, high_even, 0xdd));
    _mm512_storeu_si512(row + 12 * to_stride, _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd));
  }
}

}  // namespace armorm
#endif
