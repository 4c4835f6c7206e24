#include "model/cpu/softmax.h"

#include <algorithm>
#include <array>
#include <limits>

#include "model/cpu/avx512.h"
#include "model/cpu/panel_rows.h"
#include "model/cpu/simd_rows.h"

namespace armorm::model::cpu {
namespace {

constexpr int kVectors = kKeyTile / 16;

ARMORM_INLINE ARMORM_AVX512 __m512 scaled(__m512 score, const ScoreScale& scale) {
  if (scale.softcap <= 0.0F) return _mm512_mul_ps(score, _mm512_set1_ps(scale.scale));
  const __m512 inner = _mm512_mul_ps(score, _mm512_set1_ps(scale.scale / scale.softcap));
  return _mm512_mul_ps(_mm512_set1_ps(scale.softcap), tanh16(inner));
}

// exp of one value with the arithmetic of the others.
ARMORM_INLINE ARMORM_AVX512 float exp_one(float x) { return _mm512_cvtss_f32(exp16(_mm512_set1_ps(x))); }

// The first kSeen vectors hold all keys that the row sees.
template <class T, int kSeen>
ARMORM_AVX512 float weigh(const float* scores, std::int64_t from, std::int64_t to, const ScoreScale& scale,
                          SoftmaxState& state, T* weights) {
  __m512 value[kSeen];
  __mmask16 seen[kSeen];
  __m512 highest = _mm512_set1_ps(-std::numeric_limits<float>::infinity());
#pragma GCC unroll 8
  for (int i = 0; i < kSeen; ++i) {
    seen[i] = static_cast<__mmask16>(columns_below(to, i) & ~static_cast<unsigned>(columns_below(from, i)));
    value[i] = scaled(_mm512_loadu_ps(scores + 16 * i), scale);
    highest = _mm512_mask_max_ps(highest, seen[i], highest, value[i]);
  }
  const float maximum = std::max(state.maximum, _mm512_reduce_max_ps(highest));
  const float shrink = maximum > state.maximum ? exp_one(state.maximum - maximum) : 1.0F;
  const __m512 shift = _mm512_set1_ps(maximum);
  __m512 total = _mm512_setzero_ps();
#pragma GCC unroll 8
  for (int i = 0; i < kSeen; ++i) {
    const __m512 weight = _mm512_maskz_mov_ps(seen[i], exp16(_mm512_sub_ps(value[i], shift)));
    total = _mm512_add_ps(total, weight);
    write(weights + 16 * i, 0xffff, weight);
  }
  for (int i = kSeen; i < kVectors; ++i) write(weights + 16 * i, 0xffff, _mm512_setzero_ps());
  state.maximum = maximum;
  state.total = state.total * shrink + _mm512_reduce_add_ps(total);
  return shrink;
}

template <class T>
ARMORM_AVX512 float weigh_seen(const float* scores, std::int64_t from, std::int64_t to,
                               const ScoreScale& scale, SoftmaxState& state, T* weights) {
  if (from >= to) {
    for (int i = 0; i < kVectors; ++i) write(weights + 16 * i, 0xffff, _mm512_setzero_ps());
    return 1.0F;
  }
  static constexpr std::array kBySeen{weigh<T, 2>, weigh<T, 4>, weigh<T, 6>, weigh<T, 8>};
  return kBySeen[static_cast<std::size_t>((to - 1) / 32)](scores, from, to, scale, state, weights);
}

template <class T>
ARMORM_AVX512 void write_scaled_as(const float* row, float factor, std::int64_t n, T* out) {
  const __m512 scale = _mm512_set1_ps(factor);
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = columns_below(n - i, 0);
    write(out + i, mask, _mm512_mul_ps(scale, _mm512_maskz_loadu_ps(mask, row + i)));
  }
}

// --- Without AVX-512.

template <class T>
float weigh_plain(const float* scores, std::int64_t from, std::int64_t to, const ScoreScale& scale,
                  SoftmaxState& state, T* weights) {
  std::array<float, kKeyTile> row{};
  float shrink = 1.0F;
  if (from < to) {
    float* seen = row.data() + from;
    const std::int64_t n = to - from;
    simd::scale(scores + from, scale.scale, seen, n);
    if (scale.softcap > 0.0F) simd::softcap(seen, scale.softcap, seen, n);
    const float maximum = simd::maximum(seen, n, state.maximum);
    if (maximum > state.maximum) shrink = simd::exp(state.maximum - maximum);
    state.maximum = maximum;
    state.total = state.total * shrink + simd::exp_and_sum(seen, maximum, n);
  }
  narrow_row(row.data(), kKeyTile, weights);
  return shrink;
}

template <class T>
float weigh_keys_as(const float* scores, std::int64_t from, std::int64_t to, const ScoreScale& scale,
                    SoftmaxState& state, T* weights) {
  return cpu_features().avx512 ? weigh_seen(scores, from, to, scale, state, weights)
                               : weigh_plain(scores, from, to, scale, state, weights);
}

}  // namespace

float weigh_keys(const float* scores, std::int64_t from, std::int64_t to, const ScoreScale& scale,
                 SoftmaxState& state, float* weights) {
  return weigh_keys_as(scores, from, to, scale, state, weights);
}
float weigh_keys(const float* scores, std::int64_t from, std::int64_t to, const ScoreScale& scale,
                 SoftmaxState& state, at::BFloat16* weights) {
  return weigh_keys_as(scores, from, to, scale, state, weights);
}

void scale_row(float* row, float factor, std::int64_t n) { write_scaled(row, factor, n, row); }

void write_scaled(const float* row, float factor, std::int64_t n, float* out) {
  if (cpu_features().avx512) return write_scaled_as(row, factor, n, out);
  simd::scale(row, factor, out, n);
}

void write_scaled(const float* row, float factor, std::int64_t n, at::BFloat16* out) {
  if (cpu_features().avx512) return write_scaled_as(row, factor, n, out);
  std::array<float, kKeyTile> piece{};
  for (std::int64_t i = 0; i < n; i += kKeyTile) {
    const std::int64_t here = std::min(kKeyTile, n - i);
    simd::scale(row + i, factor, piece.data(), here);
    narrow_row(piece.data(), here, out + i);
  }
}

}  // namespace armorm::model::cpu
