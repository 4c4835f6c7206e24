#include "linear/dense/tile_kernel.h"

#include <array>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace armorm::linear::dense {
namespace {

// b(k, j) at b[k * step + j * column].
struct RightFactor {
  const double* data;
  std::int64_t step;
  std::int64_t column;
};

template <std::int64_t kRows>
void product_portable(std::int64_t n, const LeftFactor& a, RightFactor b, double* c, std::int64_t stride) {
  double sum[kPanel][kRows] = {};
  for (std::int64_t k = 0; k < n; ++k) {
    for (std::int64_t j = 0; j < kPanel; ++j) {
      const double factor = b.data[k * b.step + j * b.column];
      for (std::int64_t i = 0; i < kRows; ++i) {
        sum[j][i] = std::fma(a.data[k * a.step + i / kPanel * a.panel + i % kPanel], factor, sum[j][i]);
      }
    }
  }
  for (std::int64_t j = 0; j < kPanel; ++j) {
    for (std::int64_t i = 0; i < kRows; ++i) c[j * stride + i] += sum[j][i];
  }
}

// Independent sums, so that no addition waits for another. The fused multiply-add is explicit: otherwise the
// compiler fuses only where the instruction set allows it, and the bits depend on the processor.
inline __attribute__((always_inline)) double dot_in_lanes(std::int64_t n, const double* x, const double* y) {
  constexpr std::int64_t kLanes = 32;
  std::array<double, kLanes> sums{};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) sums[j] = std::fma(x[i + j], y[i + j], sums[j]);
  }
  for (std::int64_t j = 0; i < n; ++i, ++j) sums[j] = std::fma(x[i], y[i], sums[j]);
  for (std::int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::int64_t j = 0; j < half; ++j) sums[j] += sums[j + half];
  }
  return sums[0];
}

inline __attribute__((always_inline)) void add_multiple_in_lanes(std::int64_t n, double factor,
                                                                 const double* x, double* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = std::fma(factor, x[i], y[i]);
}

void multiply_portable(std::int64_t n, const LeftFactor& a, const double* b, double* c, std::int64_t stride) {
  product_portable<kTileRows>(n, a, {b, kPanel, 1}, c, stride);
}
void dots_portable(std::int64_t n, const LeftFactor& a, const double* b, std::int64_t b_stride, double* c,
                   std::int64_t stride) {
  product_portable<kDotRows>(n, a, {b, 1, b_stride}, c, stride);
}
double dot_portable(std::int64_t n, const double* x, const double* y) { return dot_in_lanes(n, x, y); }
void add_multiple_portable(std::int64_t n, double factor, const double* x, double* y) {
  add_multiple_in_lanes(n, factor, x, y);
}
constexpr TileKernels kPortable{multiply_portable, dots_portable, dot_portable, add_multiple_portable};

#if defined(__x86_64__)

// All of c is in registers: kPanels x 8 of the 32.
template <int kPanels>
inline __attribute__((always_inline, target("avx512f"))) void product_avx512(std::int64_t n,
                                                                             const LeftFactor& a,
                                                                             RightFactor b, double* c,
                                                                             std::int64_t stride) {
  __m512d sum[kPanel][kPanels];
#pragma GCC unroll 8
  for (int j = 0; j < kPanel; ++j) {
#pragma GCC unroll 3
    for (int i = 0; i < kPanels; ++i) {
      _mm_prefetch(reinterpret_cast<const char*>(c + j * stride + i * kPanel), _MM_HINT_T0);
      sum[j][i] = _mm512_setzero_pd();
    }
  }
  const double* rows = a.data;
  const double* factors = b.data;
  for (std::int64_t k = 0; k < n; ++k, rows += a.step, factors += b.step) {
    __m512d row[kPanels];
#pragma GCC unroll 3
    for (int i = 0; i < kPanels; ++i) row[i] = _mm512_loadu_pd(rows + i * a.panel);
#pragma GCC unroll 8
    for (int j = 0; j < kPanel; ++j) {
      const __m512d factor = _mm512_set1_pd(factors[j * b.column]);
#pragma GCC unroll 3
      for (int i = 0; i < kPanels; ++i) sum[j][i] = _mm512_fmadd_pd(row[i], factor, sum[j][i]);
    }
  }
#pragma GCC unroll 8
  for (int j = 0; j < kPanel; ++j) {
#pragma GCC unroll 3
    for (int i = 0; i < kPanels; ++i) {
      double* out = c + j * stride + i * kPanel;
      _mm512_storeu_pd(out, _mm512_add_pd(_mm512_loadu_pd(out), sum[j][i]));
    }
  }
}

__attribute__((target("avx512f"))) void multiply_avx512(std::int64_t n, const LeftFactor& a, const double* b,
                                                        double* c, std::int64_t stride) {
  product_avx512<kTilePanels>(n, a, {b, kPanel, 1}, c, stride);
}
__attribute__((target("avx512f"))) void dots_avx512(std::int64_t n, const LeftFactor& a, const double* b,
                                                    std::int64_t b_stride, double* c, std::int64_t stride) {
  product_avx512<2>(n, a, {b, 1, b_stride}, c, stride);
}
__attribute__((target("avx512f"))) double dot_avx512(std::int64_t n, const double* x, const double* y) {
  return dot_in_lanes(n, x, y);
}
__attribute__((target("avx512f"))) void add_multiple_avx512(std::int64_t n, double factor, const double* x,
                                                            double* y) {
  add_multiple_in_lanes(n, factor, x, y);
}
constexpr TileKernels kAvx512{multiply_avx512, dots_avx512, dot_avx512, add_multiple_avx512};

// One panel of a against half a panel of b: 8 of the 16 registers hold sums.
inline __attribute__((always_inline, target("avx2,fma"))) void half_panel_avx2(
    std::int64_t n, const double* rows, std::int64_t step, RightFactor b, double* c, std::int64_t stride) {
  __m256d sum[4][2];
  for (auto& pair : sum) pair[0] = pair[1] = _mm256_setzero_pd();
  const double* factors = b.data;
  for (std::int64_t k = 0; k < n; ++k, rows += step, factors += b.step) {
    const __m256d a0 = _mm256_loadu_pd(rows);
    const __m256d a1 = _mm256_loadu_pd(rows + 4);
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const __m256d factor = _mm256_broadcast_sd(factors + j * b.column);
      sum[j][0] = _mm256_fmadd_pd(a0, factor, sum[j][0]);
      sum[j][1] = _mm256_fmadd_pd(a1, factor, sum[j][1]);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    double* out = c + j * stride;
    _mm256_storeu_pd(out, _mm256_add_pd(_mm256_loadu_pd(out), sum[j][0]));
    _mm256_storeu_pd(out + 4, _mm256_add_pd(_mm256_loadu_pd(out + 4), sum[j][1]));
  }
}

template <int kPanels>
inline __attribute__((always_inline, target("avx2,fma"))) void product_avx2(std::int64_t n,
                                                                            const LeftFactor& a,
                                                                            RightFactor b, double* c,
                                                                            std::int64_t stride) {
  for (std::int64_t i = 0; i < kPanels; ++i) {
    for (std::int64_t j = 0; j < kPanel; j += 4) {
      half_panel_avx2(n, a.data + i * a.panel, a.step, {b.data + j * b.column, b.step, b.column},
                      c + j * stride + i * kPanel, stride);
    }
  }
}

__attribute__((target("avx2,fma"))) void multiply_avx2(std::int64_t n, const LeftFactor& a, const double* b,
                                                       double* c, std::int64_t stride) {
  product_avx2<kTilePanels>(n, a, {b, kPanel, 1}, c, stride);
}
__attribute__((target("avx2,fma"))) void dots_avx2(std::int64_t n, const LeftFactor& a, const double* b,
                                                   std::int64_t b_stride, double* c, std::int64_t stride) {
  product_avx2<2>(n, a, {b, 1, b_stride}, c, stride);
}
__attribute__((target("avx2,fma"))) double dot_avx2(std::int64_t n, const double* x, const double* y) {
  return dot_in_lanes(n, x, y);
}
__attribute__((target("avx2,fma"))) void add_multiple_avx2(std::int64_t n, double factor, const double* x,
                                                           double* y) {
  add_multiple_in_lanes(n, factor, x, y);
}
constexpr TileKernels kAvx2{multiply_avx2, dots_avx2, dot_avx2, add_multiple_avx2};

#endif

}  // namespace

bool is_supported(InstructionSet set) noexcept {
#if defined(__x86_64__)
  static const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
                             __builtin_cpu_supports("avx512bw");
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (set == InstructionSet::avx512) return avx512;
  if (set == InstructionSet::avx2) return avx2;
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

const TileKernels& tile_kernels(InstructionSet set) noexcept {
#if defined(__x86_64__)
  if (set == InstructionSet::avx512) return kAvx512;
  if (set == InstructionSet::avx2) return kAvx2;
#endif
  return kPortable;
}

const TileKernels& tile_kernels() noexcept {
  static const TileKernels& best = tile_kernels(best_instruction_set());
  return best;
}

}  // namespace armorm::linear::dense
