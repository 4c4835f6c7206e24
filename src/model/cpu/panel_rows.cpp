#include "model/cpu/panel_rows.h"

#include <algorithm>
#include <array>

#include "core/transpose_words.h"
#include "model/cpu/avx512.h"
#include "model/cpu/panel_kernels.h"
#include "model/cpu/simd_rows.h"

namespace armorm::model::cpu {
namespace {

constexpr std::int64_t kSquare = 16;

void transpose_plain(const std::byte* from, std::int64_t stride, std::int64_t rows, std::int64_t words,
                     std::byte* to) {
  for (std::int64_t begin = 0; begin < words; begin += kSquare) {
    const std::int64_t end = std::min(begin + kSquare, words);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t i = begin; i < end; ++i)
        std::memcpy(to + 4 * (i * kPanel + r), from + r * stride + 4 * i, 4);
    }
  }
}

void interleave_plain(const at::BFloat16* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                      std::byte* to) {
  for (std::int64_t r = 0; r < rows; r += 2, to += 4 * kPanel) {
    std::array<at::BFloat16, 2 * kPanel> pairs{};
    for (std::size_t c = 0; c < static_cast<std::size_t>(std::min(columns, kPanel)); ++c) {
      pairs[2 * c] = from[r * stride + static_cast<std::int64_t>(c)];
      if (r + 1 < rows) pairs[2 * c + 1] = from[(r + 1) * stride + static_cast<std::int64_t>(c)];
    }
    std::memcpy(to, pairs.data(), sizeof pairs);
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

ARMORM_AVX512 void transpose_squares(const std::byte* from, std::int64_t stride, std::int64_t rows,
                                     std::int64_t words, std::byte* to) {
  const std::int64_t full_rows = rows / kSquare * kSquare;
  const std::int64_t full_words = words / kSquare * kSquare;
  for (std::int64_t i = 0; i < full_words; i += kSquare) {
    for (std::int64_t r = 0; r < full_rows; r += kSquare)
      transpose_16x16_words(from + r * stride + 4 * i, stride, to + 4 * (i * kPanel + r), 4 * kPanel);
  }
  transpose_plain(from + full_rows * stride, stride, rows - full_rows, full_words, to + 4 * full_rows);
  transpose_plain(from + 4 * full_words, stride, rows, words - full_words, to + 4 * full_words * kPanel);
}

ARMORM_AVX512 void interleave_vectors(const at::BFloat16* from, std::int64_t stride, std::int64_t rows,
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

}  // namespace

void transpose_words(const std::byte* from, std::int64_t stride, std::int64_t rows, std::int64_t words,
                     std::byte* to) {
  const auto transpose = cpu_features().avx512 ? transpose_squares : transpose_plain;
  transpose(from, stride, rows, words, to);
}

void interleave_rows(const at::BFloat16* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                     std::byte* to) {
  const auto interleave = cpu_features().avx512 ? interleave_vectors : interleave_plain;
  interleave(from, stride, rows, columns, to);
}

void widen_row(const at::BFloat16* from, std::int64_t n, float* to) {
  simd::widen(reinterpret_cast<const std::uint16_t*>(from), to, n);
}

void narrow_row(const float* from, std::int64_t n, float* to) { std::copy_n(from, n, to); }

void narrow_row(const float* from, std::int64_t n, at::BFloat16* to) {
  simd::narrow(from, reinterpret_cast<std::uint16_t*>(to), n);
}

}  // namespace armorm::model::cpu
