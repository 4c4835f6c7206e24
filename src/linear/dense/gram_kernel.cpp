#include "linear/dense/gram_kernel.h"

#include <algorithm>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace armorm::linear::dense {
namespace {

#if defined(__x86_64__)

__attribute__((target("avx512f,avx512vl,avx512bw"))) void convert_avx512(const BFloat16* in, double* out) {
  const __m128i half = _mm_loadu_si128(reinterpret_cast<const __m128i*>(in));
  const __m256i bits = _mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16);
  _mm512_storeu_pd(out, _mm512_maskz_cvtps_pd(0xff, _mm256_castsi256_ps(bits)));
}

__attribute__((target("avx512f"))) void convert_avx512(const float* in, double* out) {
  _mm512_storeu_pd(out, _mm512_maskz_cvtps_pd(0xff, _mm256_loadu_ps(in)));
}

// One cache line of a row at a time: 32 columns of bfloat16, 16 of float32.
template <class T>
__attribute__((target("avx512f,avx512vl,avx512bw"))) void pack_line_avx512(std::span<const T* const> rows,
                                                                           std::int64_t begin,
                                                                           std::int64_t end, double* packed) {
  constexpr std::int64_t kAhead = 8;
  const auto n_rows = static_cast<std::int64_t>(rows.size());
  for (std::int64_t r = 0; r < n_rows; ++r) {
    if (r + kAhead < n_rows)
      _mm_prefetch(reinterpret_cast<const char*>(rows[r + kAhead] + begin), _MM_HINT_T0);
    for (std::int64_t column = begin; column < end; column += kPanel) {
      convert_avx512(rows[r] + column, packed + (column - begin) / kPanel * kPanelStride + r * kPanel);
    }
  }
}

#endif

double as_double(BFloat16 value) { return static_cast<double>(value.to_float()); }
double as_double(float value) { return static_cast<double>(value); }

template <class T>
void pack_portable(std::span<const T* const> rows, std::int64_t begin, std::int64_t end, double* packed) {
  for (std::int64_t first = begin; first < end; first += kPanel) {
    double* panel = packed + (first - begin) / kPanel * kPanelStride;
    const std::int64_t width = std::min(kPanel, end - first);
    for (const T* row : rows) {
      for (std::int64_t j = 0; j < kPanel; ++j) panel[j] = j < width ? as_double(row[first + j]) : 0.0;
      panel += kPanel;
    }
  }
}

template <class T>
void pack_rows(std::span<const T* const> rows, std::int64_t begin, std::int64_t end, double* packed) {
#if defined(__x86_64__)
  if (is_supported(InstructionSet::avx512)) {
    constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
    const std::int64_t full = end - (end - begin) % kPanel;
    const std::int64_t first = begin;
    for (; begin < full; begin += kLine) {
      pack_line_avx512(rows, begin, std::min(begin + kLine, full),
                       packed + (begin - first) / kPanel * kPanelStride);
    }
    packed += (full - first) / kPanel * kPanelStride;
    begin = full;
  }
#endif
  pack_portable(rows, begin, end, packed);
}

}  // namespace

TileMatrix::TileMatrix(std::int64_t n_columns) : row_tiles_(row_tiles_for(n_columns)) {
  values_ = LargeArray(static_cast<std::size_t>(first_tile(row_tiles_) * kTileSize));
}

double TileMatrix::at(std::int64_t row, std::int64_t column) const noexcept {
  const std::int64_t tile = first_tile(row / kTileRows) + column / kPanel;
  return values_.data()[tile * kTileSize + (column % kPanel) * kTileRows + row % kTileRows];
}

void TileMatrix::copy_row(std::int64_t row, std::int64_t n, double* out) const noexcept {
  const double* tile = values_.data() + first_tile(row / kTileRows) * kTileSize + row % kTileRows;
  for (std::int64_t column = 0; column < n; column += kPanel, tile += kTileSize) {
    const std::int64_t width = std::min(kPanel, n - column);
    for (std::int64_t j = 0; j < width; ++j) out[column + j] = tile[j * kTileRows];
  }
}

void accumulate(std::int64_t n_rows, const double* a, const double* b, std::int64_t begin, std::int64_t end,
                TileMatrix& sums) {
  accumulate(best_instruction_set(), n_rows, a, b, begin, end, sums);
}

void accumulate(InstructionSet set, std::int64_t n_rows, const double* a, const double* b, std::int64_t begin,
                std::int64_t end, TileMatrix& sums) {
  const auto multiply = tile_kernels(set).multiply;
  // Outer loop over panels, inner loop over row tiles: the panel of b stays in the first-level cache, the
  // tiles of a in the second.
  for (std::int64_t panel = 0; panel < kTilePanels * end; ++panel) {
    for (std::int64_t tile = std::max(begin, panel / kTilePanels); tile < end; ++tile) {
      const LeftFactor left{
          .data = a + tile * kTilePanels * kPanelStride, .step = kPanel, .panel = kPanelStride};
      multiply(n_rows, left, b + panel * kPanelStride, sums.tile(tile, panel), kTileRows);
    }
  }
}

void pack(std::span<const BFloat16* const> rows, std::int64_t begin, std::int64_t end, double* packed) {
  pack_rows(rows, begin, end, packed);
}
void pack(std::span<const float* const> rows, std::int64_t begin, std::int64_t end, double* packed) {
  pack_rows(rows, begin, end, packed);
}

}  // namespace armorm::linear::dense
