#include "model/cpu/panel_results.h"

#include "model/cpu/avx512.h"

namespace armorm::model::cpu {
namespace {

ARMORM_INLINE ARMORM_AVX512 __m512 biased(const float* sums, const float* bias, int vector) {
  const __m512 values = _mm512_loadu_ps(sums + 16 * vector);
  return bias == nullptr ? values : _mm512_add_ps(values, _mm512_loadu_ps(bias + 16 * vector));
}

template <Activation kActivation>
ARMORM_INLINE ARMORM_AVX512 __m512 activate(__m512 gate) {
  const __m512 one = _mm512_set1_ps(1.0F);
  if constexpr (kActivation == Activation::silu) {
    const __m512 power = exp16(_mm512_sub_ps(_mm512_setzero_ps(), gate));
    // Below, exp16() is too small, and the result is closer to 0 than the smallest normal number.
    const __mmask16 in_range = _mm512_cmp_ps_mask(gate, _mm512_set1_ps(-88.0F), _CMP_NLT_UQ);
    const __m512 share = _mm512_maskz_mov_ps(in_range, reciprocal(_mm512_add_ps(one, power)));
    return _mm512_mul_ps(gate, share);  // NaN for minus infinity
  } else {
    const __m512 cubic =
        _mm512_mul_ps(_mm512_mul_ps(gate, gate), _mm512_mul_ps(gate, _mm512_set1_ps(0.044715F)));
    const __m512 inner = _mm512_mul_ps(_mm512_set1_ps(0.79788456F), _mm512_add_ps(gate, cubic));
    return _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(0.5F), gate), _mm512_add_ps(one, tanh16(inner)));
  }
}

template <class T>
ARMORM_AVX512 void store_rows(const PanelSums& sums, T* out, std::int64_t stride) {
  for (int vector = 0; vector < 4; ++vector) {
    const __mmask16 mask = columns_below(sums.columns, vector);
    if (mask == 0) return;
    for (std::int64_t r = 0; r < sums.rows; ++r)
      write(out + r * stride + 16 * vector, mask, biased(sums.values + r * kPanel, sums.bias, vector));
  }
}

template <Activation kActivation, class T>
ARMORM_AVX512 void store_gated_rows(const PanelSums& sums, T* out, std::int64_t stride) {
  for (int vector = 0; vector < 2; ++vector) {
    const __mmask16 mask = columns_below(sums.columns, vector);
    if (mask == 0) return;
    for (std::int64_t r = 0; r < sums.rows; ++r) {
      const float* row = sums.values + r * kPanel;
      const __m512 gate = activate<kActivation>(biased(row, sums.bias, vector));
      write(out + r * stride + 16 * vector, mask, _mm512_mul_ps(gate, biased(row, sums.bias, vector + 2)));
    }
  }
}

template <class T>
void store_gated_as(const PanelSums& sums, Activation activation, T* out, std::int64_t stride) {
  if (activation == Activation::silu) {
    store_gated_rows<Activation::silu>(sums, out, stride);
  } else {
    store_gated_rows<Activation::gelu_tanh>(sums, out, stride);
  }
}

}  // namespace

void store(const PanelSums& sums, float* out, std::int64_t stride) { store_rows(sums, out, stride); }
void store(const PanelSums& sums, at::BFloat16* out, std::int64_t stride) { store_rows(sums, out, stride); }
void store_gated(const PanelSums& sums, Activation activation, float* out, std::int64_t stride) {
  store_gated_as(sums, activation, out, stride);
}
void store_gated(const PanelSums& sums, Activation activation, at::BFloat16* out, std::int64_t stride) {
  store_gated_as(sums, activation, out, stride);
}

}  // namespace armorm::model::cpu
