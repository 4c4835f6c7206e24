#include "model/cpu/panel_results.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>

#include "model/cpu/avx512.h"
#include "model/cpu/panel_rows.h"
#include "model/cpu/simd_rows.h"

namespace armorm::model::cpu {
namespace {

struct PanelSums {
  const float* values;  // [rows, kPanel]
  const float* bias;    // [kPanel] or null
  std::int64_t rows;
  std::int64_t columns;  // of the result: up to kPanel, of a gated panel up to kPanel / 2
};

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

// Without AVX-512.
template <class T>
void store_plain(const PanelSums& sums, const std::optional<Activation>& activation, T* out,
                 std::int64_t stride) {
  const auto activate_times = activation == Activation::gelu_tanh ? simd::gelu_tanh_times : simd::silu_times;
  std::array<float, kPanel> biased_row{};
  std::array<float, kPanel / 2> gated_row{};
  for (std::int64_t r = 0; r < sums.rows; ++r) {
    const float* row = sums.values + r * kPanel;
    if (sums.bias != nullptr) {
      simd::add(row, sums.bias, biased_row.data(), kPanel);
      row = biased_row.data();
    }
    if (activation) {
      activate_times(row, row + kPanel / 2, gated_row.data(), kPanel / 2);
      row = gated_row.data();
    }
    narrow_row(row, sums.columns, out + r * stride);
  }
}

template <class T>
void store_as(const PanelSums& sums, const std::optional<Activation>& activation, T* out,
              std::int64_t stride) {
  if (!cpu_features().avx512) {
    store_plain(sums, activation, out, stride);
  } else if (!activation) {
    store_rows(sums, out, stride);
  } else if (*activation == Activation::silu) {
    store_gated_rows<Activation::silu>(sums, out, stride);
  } else {
    store_gated_rows<Activation::gelu_tanh>(sums, out, stride);
  }
}

}  // namespace

PanelResult::PanelResult(std::int64_t rows, std::int64_t out_features, at::ScalarType type,
                         const at::Tensor& bias, std::optional<Activation> activation)
    : out_(at::empty({rows, out_features}, type)),
      bias_(bias),
      activation_(activation),
      columns_of_panel_(activation ? kPanel / 2 : kPanel) {}

std::int64_t PanelResult::n_panels() const {
  return (out_.size(1) + columns_of_panel_ - 1) / columns_of_panel_;
}

void PanelResult::store(std::int64_t panel, const float* sums, std::int64_t first_row,
                        std::int64_t rows) const {
  const std::int64_t column = panel * columns_of_panel_;
  const float* bias = bias_.defined() ? bias_.const_data_ptr<float>() + panel * kPanel : nullptr;
  const PanelSums values{sums, bias, rows, std::min(columns_of_panel_, out_.size(1) - column)};
  const std::int64_t stride = out_.size(1);
  const std::int64_t at = first_row * stride + column;
  if (out_.scalar_type() == at::kFloat) {
    store_as(values, activation_, out_.mutable_data_ptr<float>() + at, stride);
  } else {
    store_as(values, activation_, out_.mutable_data_ptr<at::BFloat16>() + at, stride);
  }
}

}  // namespace armorm::model::cpu
