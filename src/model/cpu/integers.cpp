#include "model/cpu/integers.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "model/cpu/avx512.h"
#include "model/cpu/pack.h"
#include "model/cpu/panel_product.h"
#include "model/cpu/panel_results.h"
#include "model/cpu/panel_rows.h"

namespace armorm::model::cpu {
namespace {

constexpr int kZero = 128;                // of the unsigned values
constexpr std::int64_t kGrain = 1 << 14;  // elements for which waking another thread pays

struct Outliers {
  std::int32_t* columns;
  float* values;
  std::int32_t count = 0;
};

ARMORM_AVX512 float mean_magnitude(const float* x, std::int64_t n) {
  __m512 sum = _mm512_setzero_ps();
  for (std::int64_t i = 0; i < n; i += 16)
    sum = _mm512_add_ps(sum, _mm512_abs_ps(_mm512_maskz_loadu_ps(columns_below(n - i, 0), x + i)));
  return _mm512_reduce_add_ps(sum) / static_cast<float>(n);
}

// Largest magnitude up to `limit`; counts those above.
ARMORM_AVX512 float largest_below(const float* x, std::int64_t n, float limit, std::int64_t& above) {
  __m512 largest = _mm512_setzero_ps();
  above = 0;
  for (std::int64_t i = 0; i < n; i += 16) {
    const __m512 magnitude = _mm512_abs_ps(_mm512_maskz_loadu_ps(columns_below(n - i, 0), x + i));
    const __mmask16 outside = _mm512_cmp_ps_mask(magnitude, _mm512_set1_ps(limit), _CMP_GT_OQ);
    largest = _mm512_mask_max_ps(largest, static_cast<__mmask16>(~outside), largest, magnitude);
    above += __builtin_popcount(outside);
  }
  return _mm512_reduce_max_ps(largest);
}

// Replaces values above `limit` by 0.
ARMORM_AVX512 void take_outliers(float* x, std::int64_t n, float limit, Outliers& out) {
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 there = columns_below(n - i, 0);
    const __m512 value = _mm512_maskz_loadu_ps(there, x + i);
    const __mmask16 outside = _mm512_cmp_ps_mask(_mm512_abs_ps(value), _mm512_set1_ps(limit), _CMP_GT_OQ);
    if (outside == 0) continue;
    const __m512i columns =
        _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(i)),
                         _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
    _mm512_mask_compressstoreu_epi32(out.columns + out.count, outside, columns);
    _mm512_mask_compressstoreu_ps(out.values + out.count, outside, value);
    out.count += __builtin_popcount(outside);
    _mm512_mask_storeu_ps(x + i, outside, _mm512_setzero_ps());
  }
}

ARMORM_INLINE ARMORM_AVX512 void write_integers(std::uint8_t* out, __mmask16 mask, __m512i values) {
  _mm512_mask_cvtepi32_storeu_epi8(out, mask, _mm512_add_epi32(values, _mm512_set1_epi32(kZero)));
}
ARMORM_INLINE ARMORM_AVX512 void write_integers(std::int16_t* out, __mmask16 mask, __m512i values) {
  _mm512_mask_cvtepi32_storeu_epi16(out, mask, values);
}

template <class T>
ARMORM_AVX512 void round_row(const float* x, std::int64_t n, float scale, T* out) {
  const __m512 inverse = _mm512_set1_ps(1.0F / scale);
  for (std::int64_t i = 0; i < n; i += 16) {
    const __mmask16 mask = columns_below(n - i, 0);
    write_integers(out + i, mask,
                   _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_maskz_loadu_ps(mask, x + i), inverse)));
  }
}

// A value is an outlier above this many times the row's mean magnitude. For 8 bits that is 2.8 standard
// deviations of a normal distribution, one value of 200: more range would coarsen the steps, and more
// outliers would take too long.
constexpr float outlier_factor(Integers type) { return type == Integers::int8 ? 3.5F : 10.0F; }

// `row`: the values as float32, changed. Returns the scale: NaN for a row that is not finite, so that its
// results show it.
template <class T>
float quantise_row(float* row, std::int64_t n, Integers type, T* out, Outliers& outliers) {
  std::int64_t above = 0;
  const float mean = mean_magnitude(row, n);
  if (!std::isfinite(mean)) {
    std::fill_n(out, n, T{0});
    return std::numeric_limits<float>::quiet_NaN();
  }
  float limit = outlier_factor(type) * mean;
  float largest = largest_below(row, n, limit, above);
  while (above > kMaxOutliers) largest = largest_below(row, n, limit *= 1.25F, above);
  if (above > 0) take_outliers(row, n, limit, outliers);
  const float scale = largest > 0.0F ? largest / static_cast<float>(largest_integer(type)) : 1.0F;
  round_row(row, n, scale, out);
  return scale;
}

// A product in progress.
struct Product {
  const PanelKernel& kernel;
  const IntegerRows& rows;
  const IntegerWeight& weight;
  std::int64_t words;  // of a row
  std::int64_t group_words;

  std::int64_t groups() const { return (words + group_words - 1) / group_words; }
  const std::byte* panel(std::int64_t index) const {
    return static_cast<const std::byte*>(weight.panels.const_data_ptr()) + index * words * 4 * kPanel;
  }
  const float* scales(std::int64_t panel, std::int64_t group) const {
    return weight.scales.const_data_ptr<float>() + (panel * groups() + group) * kPanel;
  }
  const std::int32_t* offsets(std::int64_t panel, std::int64_t group) const {
    return weight.offsets.const_data_ptr<std::int32_t>() + (panel * groups() + group) * kPanel;
  }
};

// totals [rows, kPanel] = or += the scaled int32 sums of a group.
ARMORM_AVX512 void add_group(const float* scales, const std::int32_t* offsets, const float* sums,
                             std::int64_t rows, bool add, float* totals) {
  for (std::int64_t j = 0; j < kPanel; j += 16) {
    const __m512 scale = _mm512_loadu_ps(scales + j);
    const __m512i offset = _mm512_loadu_si512(offsets + j);
    for (std::int64_t at = j; at < rows * kPanel; at += kPanel) {
      const __m512 sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_loadu_si512(sums + at), offset));
      const __m512 before = add ? _mm512_loadu_ps(totals + at) : _mm512_setzero_ps();
      _mm512_storeu_ps(totals + at, _mm512_fmadd_ps(sum, scale, before));
    }
  }
}

// Multiplies totals by the scales of their rows and adds the products of outliers.
template <std::int64_t kPerWord>
ARMORM_AVX512 void finish_rows(const Product& p, const RowBlock& block, std::int64_t panel, float* totals) {
  const auto* counts = p.rows.outlier_counts.const_data_ptr<std::int32_t>();
  const auto* columns = p.rows.outlier_columns.const_data_ptr<std::int32_t>();
  const auto* values = p.rows.outlier_values.const_data_ptr<float>();
  const auto* row_scales = p.rows.scales.const_data_ptr<float>();
  const std::byte* weights = p.panel(panel);
  constexpr int kBits = 32 / static_cast<int>(kPerWord);
  for (std::int64_t i = 0; i < block.valid; ++i) {
    const std::int64_t row = block.first + i;
    float* const total = totals + i * kPanel;
    __m512 value[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j)
      value[j] = _mm512_mul_ps(_mm512_loadu_ps(total + 16 * j), _mm512_set1_ps(row_scales[row]));
    for (std::int64_t o = row * kMaxOutliers; o < row * kMaxOutliers + counts[row]; ++o) {
      const std::int64_t word = columns[o] / kPerWord;
      const float* scales = p.scales(panel, word / p.group_words);
      const __m128i up = _mm_cvtsi32_si128(static_cast<int>(kPerWord - 1 - columns[o] % kPerWord) * kBits);
      const __m512 outlier = _mm512_set1_ps(values[o]);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const __m512i packed = _mm512_loadu_si512(weights + (word * kPanel + 16 * j) * 4);
        const __m512i weight = _mm512_srai_epi32(_mm512_sll_epi32(packed, up), 32 - kBits);
        const __m512 factor = _mm512_mul_ps(outlier, _mm512_loadu_ps(scales + 16 * j));
        value[j] = _mm512_fmadd_ps(factor, _mm512_cvtepi32_ps(weight), value[j]);
      }
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) _mm512_storeu_ps(total + 16 * j, value[j]);
  }
}

void multiply_group(const Product& p, const RowBlock& block, std::int64_t panel, std::int64_t group,
                    float* sums) {
  const std::int64_t first = group * p.group_words;
  const std::int64_t words = std::min(p.group_words, p.words - first);
  for (std::int64_t k = 0; k < words; k += p.kernel.chunk_words) {
    const std::int64_t at = first + k;
    p.kernel.multiply({block.rows, std::min(p.kernel.chunk_words, words - k), block.x + block.step * at,
                       block.stride, p.panel(panel) + at * 4 * kPanel, sums, kPanel, k > 0, block.step,
                       block.group});
  }
}

void multiply_block(const Product& p, const RowBlock& block, std::int64_t panel, float* sums, float* totals) {
  for (std::int64_t group = 0; group < p.groups(); ++group) {
    multiply_group(p, block, panel, group, sums);
    add_group(p.scales(panel, group), p.offsets(panel, group), sums, block.rows, group > 0, totals);
  }
  if (p.weight.type == Integers::int8) {
    finish_rows<4>(p, block, panel, totals);
  } else {
    finish_rows<2>(p, block, panel, totals);
  }
}

at::Tensor multiply(const PanelKernel& kernel, const at::Tensor& x, const IntegerWeight& weight,
                    const PanelResult& result) {
  const IntegerRows quantised = quantise_rows(x, weight.type, weight.input_scales);
  const Rows rows = rows_for(kernel, quantised.values);
  const Product product{kernel, quantised, weight, rows.words,
                        inputs_of_group(weight.type) / (weight.type == Integers::int8 ? 4 : 2)};
  constexpr std::int64_t kSums = kMaxRowBlock * kPanel;
  for_each_panel(kernel, rows, result.n_panels(), 2 * kSums,
                 [&](const RowBlock& block, std::int64_t panel, float* sums) {
                   float* const totals = sums + kSums;
                   multiply_block(product, block, panel, sums, totals);
                   result.store(panel, totals, block.first, block.valid);
                 });
  return result.tensor();
}

// Row as float32, in `scratch`.
void read_row(const at::Tensor& x, std::int64_t row, float* scratch) {
  if (x.scalar_type() == at::kFloat) {
    std::copy_n(x.const_data_ptr<float>() + row * x.stride(0), x.size(1), scratch);
  } else {
    widen_row(x.const_data_ptr<at::BFloat16>() + row * x.stride(0), x.size(1), scratch);
  }
}

ARMORM_AVX512 void scale_inputs(const float* factors, std::int64_t n, float* row) {
  for (std::int64_t i = 0; i < n; ++i) row[i] *= factors[i];
}

template <class T>
void quantise_all(const at::Tensor& x, Integers type, const at::Tensor& input_scales,
                  const IntegerRows& out) {
  const std::int64_t in = x.size(1);
  const std::int64_t padded = out.values.size(1);
  T* values = out.values.mutable_data_ptr<T>();
  auto* scales = out.scales.mutable_data_ptr<float>();
  auto* counts = out.outlier_counts.mutable_data_ptr<std::int32_t>();
  auto* columns = out.outlier_columns.mutable_data_ptr<std::int32_t>();
  auto* outliers = out.outlier_values.mutable_data_ptr<float>();
  const float* factors = input_scales.defined() ? input_scales.const_data_ptr<float>() : nullptr;
  constexpr T kNothing = std::is_same_v<T, std::uint8_t> ? T{kZero} : T{0};
  at::parallel_for(0, x.size(0), std::max<std::int64_t>(1, kGrain / in),
                   [&](std::int64_t begin, std::int64_t end) {
                     std::vector<float> row(static_cast<std::size_t>(in));
                     for (std::int64_t r = begin; r < end; ++r) {
                       read_row(x, r, row.data());
                       if (factors != nullptr) scale_inputs(factors, in, row.data());
                       std::fill_n(values + r * padded + in, padded - in, kNothing);
                       Outliers found{columns + r * kMaxOutliers, outliers + r * kMaxOutliers};
                       scales[r] = quantise_row(row.data(), in, type, values + r * padded, found);
                       counts[r] = found.count;
                     }
                   });
}

}  // namespace

std::int64_t inputs_of_group(Integers type) { return type == Integers::int8 ? 256 : 1024; }

std::int32_t largest_integer(Integers type) { return type == Integers::int8 ? 127 : 1448; }

IntegerRows quantise_rows(const at::Tensor& x, Integers type, const at::Tensor& input_scales) {
  const std::int64_t n = x.size(0);
  const bool bytes = type == Integers::int8;
  const IntegerRows out{at::empty({n, round_up(x.size(1), bytes ? 4 : 2)}, bytes ? at::kByte : at::kShort),
                        at::empty({n}, at::kFloat), at::empty({n}, at::kInt),
                        at::empty({n, kMaxOutliers}, at::kInt), at::empty({n, kMaxOutliers}, at::kFloat)};
  if (bytes) {
    quantise_all<std::uint8_t>(x, type, input_scales, out);
  } else {
    quantise_all<std::int16_t>(x, type, input_scales, out);
  }
  return out;
}

namespace {

// For each input the power of two nearest to the size of its weights relative to the median; 1 within a
// factor of 2.8, which costs no more than a bit and a half.
at::Tensor input_scales_of(const at::Tensor& weight) {
  const at::Tensor sizes = weight.to(at::kFloat).square().mean(0).sqrt();
  const float median = sizes.median().item<float>();
  if (!(median > 0.0F)) return {};
  const at::Tensor steps = (sizes / median).log2().round();
  const at::Tensor used = at::where(sizes.gt(0), steps.clamp(-60, 60), at::zeros_like(steps));
  const at::Tensor far = at::where(used.abs().gt(1), used, at::zeros_like(used));
  return far.any().item<bool>() ? at::exp2(far) : at::Tensor();
}

}  // namespace

IntegerWeight pack_integers(const at::Tensor& weight, Integers type, bool gated) {
  const std::int64_t in = weight.size(1);
  const std::int64_t size = inputs_of_group(type);
  const double most = largest_integer(type);
  const at::Tensor factors = input_scales_of(weight);
  std::vector<at::Tensor> values;
  std::vector<at::Tensor> scales;
  std::vector<at::Tensor> offsets;
  for (std::int64_t first = 0; first < in; first += size) {
    const std::int64_t n = std::min(size, in - first);
    at::Tensor wide = weight.narrow(1, first, n).to(at::kFloat);
    if (factors.defined()) wide = wide / factors.narrow(0, first, n);
    const at::Tensor largest = wide.abs().amax(1);
    const at::Tensor scale = at::where(largest.gt(0), largest / most, at::ones_like(largest));
    const at::Tensor rounded = (wide / scale.unsqueeze(1)).round_().clamp_(-most, most);
    values.push_back(rounded.to(type == Integers::int8 ? at::kChar : at::kShort));
    // Exact in float32: below 2^24.
    const at::Tensor sum = rounded.sum(1).mul_(type == Integers::int8 ? kZero : 0);
    scales.push_back(pack_vector(scale, gated).view({-1, kPanel}));
    offsets.push_back(pack_vector(sum, gated).view({-1, kPanel}).to(at::kInt));
  }
  return {type, pack_weight(at::cat(values, 1), gated), at::stack(scales, 1), at::stack(offsets, 1), factors};
}

at::Tensor integer_linear(const PanelKernel& kernel, const at::Tensor& x, const IntegerWeight& weight,
                          std::int64_t out_features, const at::Tensor& bias) {
  return multiply(kernel, x, weight, PanelResult(x.size(0), out_features, x.scalar_type(), bias));
}

at::Tensor integer_gated_linear(const PanelKernel& kernel, const at::Tensor& x, const IntegerWeight& weight,
                                std::int64_t out_features, const at::Tensor& bias, Activation activation) {
  return multiply(kernel, x, weight, PanelResult(x.size(0), out_features, x.scalar_type(), bias, activation));
}

}  // namespace armorm::model::cpu
