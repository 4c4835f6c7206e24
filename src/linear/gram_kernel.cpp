#include "linear/gram_kernel.h"

#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace armorm::gram {
namespace {

constexpr std::int64_t kPanelStride = kBlockRows * kPanel;

// a: kTilePanels panels, b: one panel, c: one tile.
using TileKernel = void (*)(std::int64_t n_rows, const double* a, const double* b, double* c);

void tile_portable(std::int64_t n_rows, const double* a, const double* b, double* c) {
  double sum[kTileSize] = {};
  for (std::int64_t k = 0; k < n_rows; ++k) {
    for (std::int64_t j = 0; j < kPanel; ++j) {
      for (std::int64_t i = 0; i < kTileRows; ++i) {
        const double value = a[(i / kPanel) * kPanelStride + k * kPanel + i % kPanel];
        sum[j * kTileRows + i] = std::fma(value, b[k * kPanel + j], sum[j * kTileRows + i]);
      }
    }
  }
  for (std::int64_t i = 0; i < kTileSize; ++i) c[i] += sum[i];
}

#if defined(__x86_64__)

__attribute__((target("avx512f"))) void tile_avx512(std::int64_t n_rows, const double* a, const double* b,
                                                    double* c) {
  __m512d sum[kPanel][kTilePanels];
  for (int j = 0; j < kPanel; ++j) {
    _mm_prefetch(reinterpret_cast<const char*>(c + j * kTileRows), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(c + j * kTileRows + 8), _MM_HINT_T0);
    _mm_prefetch(reinterpret_cast<const char*>(c + j * kTileRows + 16), _MM_HINT_T0);
    for (int i = 0; i < kTilePanels; ++i) sum[j][i] = _mm512_setzero_pd();
  }
  for (std::int64_t k = 0; k < n_rows; ++k) {
    const double* row = a + k * kPanel;
    const __m512d a0 = _mm512_loadu_pd(row);
    const __m512d a1 = _mm512_loadu_pd(row + kPanelStride);
    const __m512d a2 = _mm512_loadu_pd(row + 2 * kPanelStride);
#pragma GCC unroll 8
    for (int j = 0; j < kPanel; ++j) {
      const __m512d factor = _mm512_set1_pd(b[k * kPanel + j]);
      sum[j][0] = _mm512_fmadd_pd(a0, factor, sum[j][0]);
      sum[j][1] = _mm512_fmadd_pd(a1, factor, sum[j][1]);
      sum[j][2] = _mm512_fmadd_pd(a2, factor, sum[j][2]);
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < kPanel; ++j) {
#pragma GCC unroll 3
    for (int i = 0; i < kTilePanels; ++i) {
      double* out = c + j * kTileRows + i * kPanel;
      _mm512_storeu_pd(out, _mm512_add_pd(_mm512_loadu_pd(out), sum[j][i]));
    }
  }
}

// One panel of a against half a panel of b: 8 of the 16 registers hold sums.
__attribute__((target("avx2,fma"))) void half_tile_avx2(std::int64_t n_rows, const double* a, const double* b,
                                                        double* c) {
  __m256d sum[4][2];
  for (auto& pair : sum) pair[0] = pair[1] = _mm256_setzero_pd();
  for (std::int64_t k = 0; k < n_rows; ++k) {
    const __m256d a0 = _mm256_loadu_pd(a + k * kPanel);
    const __m256d a1 = _mm256_loadu_pd(a + k * kPanel + 4);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const __m256d factor = _mm256_broadcast_sd(b + k * kPanel + j);
      sum[j][0] = _mm256_fmadd_pd(a0, factor, sum[j][0]);
      sum[j][1] = _mm256_fmadd_pd(a1, factor, sum[j][1]);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    double* out = c + j * kTileRows;
    _mm256_storeu_pd(out, _mm256_add_pd(_mm256_loadu_pd(out), sum[j][0]));
    _mm256_storeu_pd(out + 4, _mm256_add_pd(_mm256_loadu_pd(out + 4), sum[j][1]));
  }
}

void tile_avx2(std::int64_t n_rows, const double* a, const double* b, double* c) {
  for (std::int64_t i = 0; i < kTilePanels; ++i) {
    for (std::int64_t j = 0; j < kPanel; j += 4) {
      half_tile_avx2(n_rows, a + i * kPanelStride, b + j, c + j * kTileRows + i * kPanel);
    }
  }
}

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
      convert_avx512(rows[r] + column, packed + (column / kPanel) * kPanelStride + r * kPanel);
    }
  }
}

bool has_avx512() {
  static const bool found = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                            __builtin_cpu_supports("avx512bw");
  return found;
}
bool has_avx2() {
  static const bool found = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return found;
}
#endif

TileKernel tile_kernel(InstructionSet set) {
#if defined(__x86_64__)
  if (set == InstructionSet::avx512) return tile_avx512;
  if (set == InstructionSet::avx2) return tile_avx2;
#endif
  return tile_portable;
}

double as_double(BFloat16 value) { return static_cast<double>(value.to_float()); }
double as_double(float value) { return static_cast<double>(value); }

template <class T>
void pack_portable(std::span<const T* const> rows, std::int64_t begin, std::int64_t end, double* packed) {
  for (std::int64_t first = begin; first < end; first += kPanel) {
    double* panel = packed + (first / kPanel) * kPanelStride;
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
  if (has_avx512()) {
    constexpr std::int64_t kLine = 64 / static_cast<std::int64_t>(sizeof(T));
    const std::int64_t whole = end - (end - begin) % kPanel;
    for (; begin < whole; begin += kLine)
      pack_line_avx512(rows, begin, std::min(begin + kLine, whole), packed);
    begin = whole;
  }
#endif
  pack_portable(rows, begin, end, packed);
}

}  // namespace

// Large pages where the system gives them: these sums are tens of megabytes.
TileMatrix::TileMatrix(std::int64_t n_columns) : row_tiles_(row_tiles_for(n_columns)) {
  constexpr std::size_t kLargePage = std::size_t{1} << 21;
  const auto bytes = static_cast<std::size_t>(first_tile(row_tiles_) * kTileSize) * sizeof(double);
  const std::size_t rounded = (bytes + kLargePage - 1) / kLargePage * kLargePage;
  values_.reset(static_cast<double*>(std::aligned_alloc(kLargePage, rounded)));
  if (!values_) throw std::bad_alloc();
  madvise(values_.get(), rounded, MADV_HUGEPAGE);
  std::memset(values_.get(), 0, bytes);
}

void TileMatrix::Free::operator()(double* values) const noexcept { std::free(values); }

double TileMatrix::at(std::int64_t row, std::int64_t column) const noexcept {
  const std::int64_t tile = first_tile(row / kTileRows) + column / kPanel;
  return values_[tile * kTileSize + (column % kPanel) * kTileRows + row % kTileRows];
}

void TileMatrix::copy_row(std::int64_t row, std::int64_t n, double* out) const noexcept {
  const double* tile = values_.get() + first_tile(row / kTileRows) * kTileSize + row % kTileRows;
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
  const TileKernel kernel = tile_kernel(set);
  // Panel outside, row tiles inside: the panel of b stays in the first-level cache, the tiles of a in the
  // second.
  for (std::int64_t panel = 0; panel < kTilePanels * end; ++panel) {
    for (std::int64_t tile = std::max(begin, panel / kTilePanels); tile < end; ++tile) {
      kernel(n_rows, a + tile * kTilePanels * kPanelStride, b + panel * kPanelStride, sums.tile(tile, panel));
    }
  }
}

void pack(std::span<const BFloat16* const> rows, std::int64_t begin, std::int64_t end, double* packed) {
  pack_rows(rows, begin, end, packed);
}
void pack(std::span<const float* const> rows, std::int64_t begin, std::int64_t end, double* packed) {
  pack_rows(rows, begin, end, packed);
}

bool is_supported(InstructionSet set) noexcept {
#if defined(__x86_64__)
  if (set == InstructionSet::avx512) return has_avx512();
  if (set == InstructionSet::avx2) return has_avx2();
#endif
  return set == InstructionSet::portable;
}

std::string_view name_of(InstructionSet set) noexcept {
  switch (set) {
    case InstructionSet::avx512:
      return "AVX-512";
    case InstructionSet::avx2:
      return "AVX2";
    case InstructionSet::portable:
      break;
  }
  return "portable";
}

InstructionSet best_instruction_set() noexcept {
  for (const InstructionSet set : {InstructionSet::avx512, InstructionSet::avx2}) {
    if (is_supported(set)) return set;
  }
  return InstructionSet::portable;
}

}  // namespace armorm::gram
