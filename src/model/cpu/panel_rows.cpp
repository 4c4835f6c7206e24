#include "model/cpu/panel_rows.h"

#include <algorithm>

#include "model/cpu/avx512.h"
#include "model/cpu/panel_kernels.h"

namespace armorm::model::cpu {
namespace {

constexpr std::int64_t kSquare = 16;

// Rows of 16 words: within each quarter of 4 words the 4 x 4 blocks are transposed, then the quarters.
ARMORM_INLINE ARMORM_AVX512 void transpose_square(const std::byte* from, std::int64_t stride, std::byte* to) {
  __m512i a[16];
  __m512i b[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_si512(from + i * stride);
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
    std::byte* const row = to + i * 4 * kPanel;
    _mm512_storeu_si512(row, _mm512_shuffle_i32x4(low_even, high_even, 0x88));
    _mm512_storeu_si512(row + 4 * 4 * kPanel, _mm512_shuffle_i32x4(low_odd, high_odd, 0x88));
    _mm512_storeu_si512(row + 8 * 4 * kPanel, _mm512_shuffle_i32x4(low_even, high_even, 0xdd));
    _mm512_storeu_si512(row + 12 * 4 * kPanel, _mm512_shuffle_i32x4(low_odd, high_odd, 0xdd));
  }
}

void transpose_rest(const std::byte* from, std::int64_t stride, std::int64_t rows, std::int64_t words,
                    std::byte* to) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < words; ++i)
      std::memcpy(to + 4 * (i * kPanel + r), from + r * stride + 4 * i, 4);
  }
}

ARMORM_INLINE ARMORM_AVX512 __mmask32 mask_of(std::int64_t columns) {
  const std::int64_t here = std::clamp<std::int64_t>(columns, 0, 32);
  return static_cast<__mmask32>((std::uint64_t{1} << here) - 1U);
}

// Element 2i of the result is a's element first + i, element 2i + 1 is b's.
ARMORM_INLINE ARMORM_AVX512 __m512i pairs_from(int first) {
  const __m512i places = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i of_a = _mm512_add_epi32(places, _mm512_set1_epi32(first));
  return _mm512_or_si512(of_a, _mm512_slli_epi32(_mm512_add_epi32(of_a, _mm512_set1_epi32(32)), 16));
}

}  // namespace

ARMORM_AVX512 void transpose_words(const std::byte* from, std::int64_t stride, std::int64_t rows,
                                   std::int64_t words, std::byte* to) {
  const std::int64_t full_rows = rows / kSquare * kSquare;
  const std::int64_t full_words = words / kSquare * kSquare;
  for (std::int64_t i = 0; i < full_words; i += kSquare) {
    for (std::int64_t r = 0; r < full_rows; r += kSquare)
      transpose_square(from + r * stride + 4 * i, stride, to + 4 * (i * kPanel + r));
  }
  transpose_rest(from + full_rows * stride, stride, rows - full_rows, full_words, to + 4 * full_rows);
  transpose_rest(from + 4 * full_words, stride, rows, words - full_words, to + 4 * full_words * kPanel);
}

ARMORM_AVX512 void interleave_rows(const at::BFloat16* from, std::int64_t stride, std::int64_t rows,
                                   std::int64_t columns, std::byte* to) {
  const __m512i low = pairs_from(0);
  const __m512i high = pairs_from(16);
  for (std::int64_t r = 0; r < rows; r += 2, to += 4 * kPanel) {
    for (std::int64_t c = 0; c < kPanel; c += 32) {
      const __mmask32 mask = mask_of(columns - c);
      const at::BFloat16* first = from + r * stride + c;
      const __m512i a = _mm512_maskz_loadu_epi16(mask, first);
      const __m512i b =
          r + 1 < rows ? _mm512_maskz_loadu_epi16(mask, first + stride) : _mm512_setzero_si512();
      _mm512_storeu_si512(to + 4 * c, _mm512_permutex2var_epi16(a, low, b));
      _mm512_storeu_si512(to + 4 * c + 64, _mm512_permutex2var_epi16(a, high, b));
    }
  }
}

ARMORM_AVX512 void widen_row(const at::BFloat16* from, std::int64_t n, float* to) {
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = static_cast<__mmask16>(mask_of(std::min<std::int64_t>(n - i, 16)));
    _mm512_mask_storeu_ps(to + i, mask, widen(_mm256_maskz_loadu_epi16(mask, from + i)));
  }
}

}  // namespace armorm::model::cpu
