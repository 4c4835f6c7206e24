#include "linear/dense/integer_kernel.h"

#include <algorithm>
#include <cmath>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "core/tile_registers.h"
#include "core/transpose_words.h"

namespace armorm::linear::dense {
namespace {

constexpr std::int64_t kQuad = 4;                        // rows of a 32-bit lane
constexpr std::int64_t kQuadBytes = kQuad * kGroup;      // a vector
constexpr std::int64_t kStepBytes = kStepRows * kGroup;  // a tile register
constexpr std::int32_t kDigitBias = 128;
constexpr std::int32_t kBias = kDigitBias * (1 + (1 << 8) + (1 << 16));  // makes every digit non-negative
constexpr std::int64_t kPairs = kGroup * kGroup;

constexpr std::int64_t steps_for(std::int64_t n_rows) { return (n_rows + kStepRows - 1) / kStepRows; }

void maxima_portable(const GroupRows& group, std::uint16_t* out) {
  std::fill_n(out, kGroup, std::uint16_t{0});
  for (const BFloat16* row : group.rows) {
    for (std::int64_t c = 0; c < group.width; ++c)
      out[c] = std::max<std::uint16_t>(out[c], row[group.first + c].bits & 0x7fffU);
  }
}

// t of one element, and what it shows of its column.
std::int32_t integer_of(BFloat16 x, std::int64_t row, std::int64_t column, const GroupGrid& grid,
                        FoundInGroup& found) {
  const std::int32_t magnitude = x.bits & 0x7fff;
  const float scaled = std::ldexp(x.to_float(), -grid.exponent[column]);
  found.square[column] += scaled * scaled;
  if (magnitude >= grid.threshold[column]) {
    const auto t = static_cast<std::int32_t>(scaled);
    found.bits[column] |= t;
    return t;
  }
  if (magnitude != 0) found.add_residue(row, column);
  return 0;
}

void digits_portable(const GroupRows& group, const GroupGrid& grid, std::int8_t* bytes, FoundInGroup& found) {
  const auto n_rows = static_cast<std::int64_t>(group.rows.size());
  for (std::int64_t c = 0; c < kGroup; ++c) {
    for (std::int64_t r = 0; r < steps_for(n_rows) * kStepRows; ++r) {
      std::int32_t t = 0;
      if (r < n_rows && c < group.width) t = integer_of(group.rows[r][group.first + c], r, c, grid, found);
      std::int8_t* out = bytes + r / kQuad * kQuadBytes + c * kQuad + r % kQuad;
      out[0] = static_cast<std::int8_t>(((t + kBias) >> 16) - kDigitBias);
      out[kPlaneBytes] = static_cast<std::int8_t>(((t + kBias) >> 8 & 255) - kDigitBias);
      out[2 * kPlaneBytes] = static_cast<std::int8_t>(((t + kBias) & 255) - kDigitBias);
    }
  }
}

// Planes a of the left group and b of the right one.
void add_plane_products(std::int64_t n_rows, const std::int8_t* a, const std::int8_t* b, std::int32_t* sums) {
  for (std::int64_t r = 0; r < n_rows; ++r) {
    const std::int64_t at = r / kQuad * kQuadBytes + r % kQuad;
    for (std::int64_t j = 0; j < kGroup; ++j) {
      for (std::int64_t i = 0; i < kGroup; ++i) sums[j * kGroup + i] += a[at + i * kQuad] * b[at + j * kQuad];
    }
  }
}

// Rows [begin, end) of a combination. Every value in float64 is an integer of at most 2^53, so nothing is
// rounded. The sum of the second and third level is below 2^31: |d2| <= 64.
inline __attribute__((always_inline)) void combine_rows(const Combination& combination, std::int64_t begin,
                                                        std::int64_t end) {
  for (std::int64_t j = begin; j < end; ++j) {
    const std::int32_t* s = combination.levels->data() + j * kGroup;
    const double* left = combination.left->data();
    const double right = (*combination.right)[static_cast<std::size_t>(j)];
    double* row = combination.out->data() + j * kGroup;
    for (std::int64_t i = 0; i < kGroup; ++i) {
      const double high = s[i];
      const double middle = s[kPairs + i] * 256 + s[2 * kPairs + i];
      const double low = s[3 * kPairs + i];
      const double lowest = s[4 * kPairs + i];
      row[i] = ((high * 0x1p16 + middle) * 0x1p16 + (low * 0x1p8 + lowest)) * (left[i] * right);
    }
  }
}
void combine_portable(const Combination& combination) { combine_rows(combination, 0, kGroup); }

void products_portable(std::int64_t n_rows, const std::int8_t* left, const std::int8_t* right,
                       const Combination* pending, LevelProducts& out) {
  if (pending != nullptr) combine_portable(*pending);
  out.fill(0);
  for (std::int64_t a = 0; a < kDigits; ++a) {
    for (std::int64_t b = 0; b < kDigits; ++b)
      add_plane_products(n_rows, left + a * kPlaneBytes, right + b * kPlaneBytes,
                         out.data() + (a + b) * kPairs);
  }
}

void add_panel_portable(const double* x, double* y) {
  for (std::int64_t j = 0; j < kPanel; ++j) {
    for (std::int64_t i = 0; i < kPanel; ++i) y[j * kTileRows + i] += x[j * kGroup + i];
  }
}

constexpr IntegerKernels kPortable{maxima_portable,   digits_portable,  nullptr,
                                   products_portable, combine_portable, add_panel_portable};

#if defined(__x86_64__)

// GCC 12 takes the undefined operands of its own intrinsics for uninitialized variables (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define ARMORM_AVX512 "avx512f,avx512vl,avx512bw,avx512dq"

__attribute__((target(ARMORM_AVX512))) void maxima_avx512(const GroupRows& group, std::uint16_t* out) {
  constexpr std::size_t kAhead = 8;
  const auto mask = static_cast<__mmask16>((1U << group.width) - 1);
  __m256i largest = _mm256_setzero_si256();
  for (std::size_t r = 0; r < group.rows.size(); ++r) {
    if (r + kAhead < group.rows.size())
      _mm_prefetch(reinterpret_cast<const char*>(group.rows[r + kAhead] + group.first), _MM_HINT_T0);
    const __m256i bits = _mm256_maskz_loadu_epi16(mask, group.rows[r] + group.first);
    largest = _mm256_max_epu16(largest, _mm256_and_si256(bits, _mm256_set1_epi16(0x7fff)));
  }
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), largest);
}

// Bits of `a` where the mask has ones, else bits of `b`.
inline __attribute__((always_inline, target(ARMORM_AVX512))) __m512i choose(std::int32_t mask, __m512i a,
                                                                            __m512i b) {
  return _mm512_ternarylogic_epi32(_mm512_set1_epi32(mask), a, b, 0xca);
}

// Bits [shift, shift + 8) of four rows, in the bytes of the lanes.
template <int kShift>
inline __attribute__((always_inline, target(ARMORM_AVX512))) __m512i join_bytes(const __m512i* s) {
  const __m512i first = _mm512_srli_epi32(s[0], kShift);
  const __m512i second =
      kShift < 8 ? _mm512_slli_epi32(s[1], 8 - kShift) : _mm512_srli_epi32(s[1], kShift - 8);
  const __m512i third = _mm512_slli_epi32(s[2], 16 - kShift);
  const __m512i fourth = _mm512_slli_epi32(s[3], 24 - kShift);
  return choose(0x0000ffff, choose(0x000000ff, first, second), choose(0x00ff0000, third, fourth));
}

__attribute__((noinline)) void add_residues(unsigned columns, std::int64_t row, FoundInGroup& found) {
  for (; columns != 0; columns &= columns - 1) found.add_residue(row, __builtin_ctz(columns));
}

__attribute__((target(ARMORM_AVX512))) void digits_avx512(const GroupRows& group, const GroupGrid& grid,
                                                          std::int8_t* bytes, FoundInGroup& found) {
  const auto mask = static_cast<__mmask16>((1U << group.width) - 1);
  const auto n_rows = static_cast<std::int64_t>(group.rows.size());
  const __m512 exponent =
      _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_setzero_si512(), _mm512_loadu_si512(grid.exponent.data())));
  const __m512i threshold = _mm512_loadu_si512(grid.threshold.data());
  const __m512i bias = _mm512_set1_epi32(kBias);
  const __m512i digit_bias = _mm512_set1_epi8(static_cast<char>(kDigitBias));
  __m512 square = _mm512_setzero_ps();
  __m512i any = _mm512_setzero_si512();
  for (std::int64_t r = 0; r < steps_for(n_rows) * kStepRows; r += kQuad, bytes += kQuadBytes) {
    __m512i s[kQuad];
#pragma GCC unroll 4
    for (std::int64_t k = 0; k < kQuad; ++k) {
      s[k] = bias;
      if (r + k >= n_rows) continue;
      const __m256i half = _mm256_maskz_loadu_epi16(mask, group.rows[r + k] + group.first);
      const __m512i bits = _mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16);
      const __m512i magnitude = _mm512_srli_epi32(_mm512_slli_epi32(bits, 1), 17);
      const __mmask16 on_grid = _mm512_cmpge_epi32_mask(magnitude, threshold);
      const __mmask16 below = _mm512_mask_test_epi32_mask(_knot_mask16(on_grid), magnitude, magnitude);
      if (below != 0) add_residues(below, r + k, found);
      const __m512 scaled = _mm512_scalef_ps(_mm512_castsi512_ps(bits), exponent);
      square = _mm512_fmadd_ps(scaled, scaled, square);
      const __m512i t = _mm512_maskz_cvtps_epi32(on_grid, scaled);
      any = _mm512_or_si512(any, t);
      s[k] = _mm512_add_epi32(t, bias);
    }
    // A byte less 128 is the byte with its upper bit changed.
    _mm512_store_si512(bytes, _mm512_xor_si512(join_bytes<16>(s), digit_bias));
    _mm512_store_si512(bytes + kPlaneBytes, _mm512_xor_si512(join_bytes<8>(s), digit_bias));
    _mm512_store_si512(bytes + 2 * kPlaneBytes, _mm512_xor_si512(join_bytes<0>(s), digit_bias));
  }
  _mm512_storeu_ps(found.square.data(), square);
  _mm512_storeu_si512(found.bits.data(), any);
}

__attribute__((target(ARMORM_AVX512))) void combine_avx512(const Combination& combination) {
  combine_rows(combination, 0, kGroup);
}
__attribute__((target(ARMORM_AVX512))) void add_panel_avx512(const double* x, double* y) {
#pragma GCC unroll 8
  for (std::int64_t j = 0; j < kPanel; ++j, x += kGroup, y += kTileRows)
    _mm512_storeu_pd(y, _mm512_add_pd(_mm512_loadu_pd(y), _mm512_loadu_pd(x)));
}

__attribute__((target(ARMORM_AVX512))) void transpose_planes(std::int64_t n_rows, const std::int8_t* bytes,
                                                             std::int8_t* transposed) {
  for (std::int64_t plane = 0; plane < kGroupBytes; plane += kPlaneBytes) {
    for (std::int64_t step = 0; step < steps_for(n_rows) * kStepBytes; step += kStepBytes)
      transpose_16x16_words(reinterpret_cast<const std::byte*>(bytes + plane + step), kQuadBytes,
                            reinterpret_cast<std::byte*>(transposed + plane + step), kQuadBytes);
  }
}

// The order keeps a digit of the left group and two of the right one in registers, and products of the same
// level apart.
__attribute__((target(ARMORM_AVX512 ",amx-tile,amx-int8"))) void products_amx(std::int64_t n_rows,
                                                                              const std::int8_t* left,
                                                                              const std::int8_t* right,
                                                                              const Combination* pending,
                                                                              LevelProducts& out) {
  constexpr std::int64_t kLine = kGroup * sizeof(std::int32_t);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_zero(4);
  const std::int64_t n_steps = steps_for(n_rows);
  for (std::int64_t step = 0; step < n_steps; ++step, left += kStepBytes, right += kStepBytes) {
    if (pending != nullptr) combine_rows(*pending, step * kGroup / n_steps, (step + 1) * kGroup / n_steps);
    _tile_loadd(5, right, kQuadBytes);
    _tile_loadd(6, left + 2 * kPlaneBytes, kQuadBytes);
    _tile_dpbssd(2, 5, 6);
    _tile_loadd(7, left + kPlaneBytes, kQuadBytes);
    _tile_dpbssd(1, 5, 7);
    _tile_loadd(6, left, kQuadBytes);
    _tile_dpbssd(0, 5, 6);
    _tile_loadd(5, right + kPlaneBytes, kQuadBytes);
    _tile_dpbssd(1, 5, 6);
    _tile_dpbssd(2, 5, 7);
    _tile_loadd(6, left + 2 * kPlaneBytes, kQuadBytes);
    _tile_dpbssd(3, 5, 6);
    _tile_loadd(5, right + 2 * kPlaneBytes, kQuadBytes);
    _tile_dpbssd(4, 5, 6);
    _tile_dpbssd(3, 5, 7);
    _tile_loadd(6, left, kQuadBytes);
    _tile_dpbssd(2, 5, 6);
  }
  _tile_stored(0, out.data(), kLine);
  _tile_stored(1, out.data() + kPairs, kLine);
  _tile_stored(2, out.data() + 2 * kPairs, kLine);
  _tile_stored(3, out.data() + 3 * kPairs, kLine);
  _tile_stored(4, out.data() + 4 * kPairs, kLine);
}

constexpr IntegerKernels kAmx{maxima_avx512, digits_avx512,  transpose_planes,
                              products_amx,  combine_avx512, add_panel_avx512};

#pragma GCC diagnostic pop
#endif

}  // namespace

bool is_supported(GramKernel kernel) noexcept {
#if defined(__x86_64__)
  static const bool avx512 = is_supported(InstructionSet::avx512) && __builtin_cpu_supports("avx512dq");
  static const bool amx = avx512 && has_tile_registers();
  if (kernel == GramKernel::amx) return amx;
#endif
  return kernel == GramKernel::float64 || kernel == GramKernel::integers;
}

std::string_view name_of(GramKernel kernel) noexcept {
  switch (kernel) {
    case GramKernel::amx:
      return "AMX int8";
    case GramKernel::integers:
      return "portable integers";
    case GramKernel::float64:
      break;
  }
  return "float64";
}

GramKernel best_gram_kernel() noexcept {
  return is_supported(GramKernel::amx) ? GramKernel::amx : GramKernel::float64;
}

const IntegerKernels& integer_kernels(GramKernel kernel) noexcept {
#if defined(__x86_64__)
  if (kernel == GramKernel::amx) return kAmx;
#endif
  return kPortable;
}

TileScope::TileScope(GramKernel kernel) noexcept : active_(kernel == GramKernel::amx) {
#if defined(__x86_64__)
  if (active_) configure_tiles({});
#endif
}

TileScope::~TileScope() {
#if defined(__x86_64__)
  if (active_) release_tiles();
#endif
}

}  // namespace armorm::linear::dense
