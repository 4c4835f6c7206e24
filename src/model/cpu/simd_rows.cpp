#include "model/cpu/simd_rows.h"

#include <bit>

#include "core/simd_clones.h"

namespace armorm::model::cpu::simd {
namespace {

// Independent partial results: a sum in strict order cannot be vectorised.
constexpr std::int64_t kLanes = 32;

// exp to about one unit in the last place: 2^k * p(r) with |r| <= ln(2) / 2 and p of degree 6 (Cephes' expf).
[[gnu::always_inline]] inline float exp_one(float x) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
  x = x < -87.0F ? -87.0F : (x > 88.0F ? 88.0F : x);
  const float k = (x * 1.44269504F + kRound) - kRound;
  const float r = (x - k * 0.693359375F) - k * -2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  const float power = std::bit_cast<float>((static_cast<std::int32_t>(k) + 127) << 23);
  return (p * r * r + r + 1.0F) * power;
}

[[gnu::always_inline]] inline float tanh_one(float x) { return 1.0F - 2.0F / (exp_one(2.0F * x) + 1.0F); }

}  // namespace

ARMORM_SIMD void widen(const std::uint16_t* __restrict bf16, float* __restrict out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i)
    out[i] = std::bit_cast<float>(static_cast<std::uint32_t>(bf16[i]) << 16);
}

ARMORM_SIMD void narrow(const float* __restrict values, std::uint16_t* __restrict bf16, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto u = std::bit_cast<std::uint32_t>(values[i]);
    const std::uint32_t rounded = (u + 0x7fffU + ((u >> 16) & 1U)) >> 16;
    const std::uint32_t quiet = (u >> 16) | 0x40U;
    bf16[i] = static_cast<std::uint16_t>((u & 0x7fffffffU) > 0x7f800000U ? quiet : rounded);
  }
}

ARMORM_SIMD float sum_of_squares(const float* __restrict x, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += x[i + j] * x[i + j];
  }
  for (; i < n; ++i) lanes[0] += x[i] * x[i];
  float sum = 0.0F;
  for (const float lane : lanes) sum += lane;
  return sum;
}

ARMORM_SIMD void scale_by_weight(const float* __restrict x, float scale, const float* __restrict weight,
                                 float* __restrict out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] * scale * weight[i];
}

ARMORM_SIMD void scale_inplace(float* __restrict x, float scale, const float* __restrict weight,
                               std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] * scale * weight[i];
}

ARMORM_SIMD void scale(const float* x, float factor, float* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = x[i] * factor;
}

ARMORM_SIMD void softcap(const float* x, float cap, float* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = cap * tanh_one(x[i] / cap);
}

ARMORM_SIMD float maximum(const float* __restrict x, std::int64_t n, float start) {
  float lanes[kLanes];
  for (float& lane : lanes) lane = start;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
  }
  for (; i < n; ++i) lanes[0] = x[i] > lanes[0] ? x[i] : lanes[0];
  float highest = start;
  for (const float lane : lanes) highest = lane > highest ? lane : highest;
  return highest;
}

ARMORM_SIMD float exp_and_sum(float* __restrict x, float shift, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::int64_t j = 0; j < kLanes; ++j) {
      x[i + j] = exp_one(x[i + j] - shift);
      lanes[j] += x[i + j];
    }
  }
  for (; i < n; ++i) {
    x[i] = exp_one(x[i] - shift);
    lanes[0] += x[i];
  }
  float sum = 0.0F;
  for (const float lane : lanes) sum += lane;
  return sum;
}

ARMORM_SIMD float exp(float x) { return exp_one(x); }

ARMORM_SIMD void add(const float* a, const float* b, float* out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

ARMORM_SIMD void rotate(float* __restrict x, const float* __restrict cos, const float* __restrict sin,
                        std::int64_t half) {
  for (std::int64_t j = 0; j < half; ++j) {
    const float low = x[j];
    const float high = x[half + j];
    x[j] = low * cos[j] - high * sin[j];
    x[half + j] = high * cos[j] + low * sin[j];
  }
}

ARMORM_SIMD void silu_times(const float* __restrict gate, const float* __restrict up, float* __restrict out,
                            std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    // Below, exp_one() is too small; a NaN stays one, and minus infinity becomes one.
    const float share = gate[i] < -88.0F ? 0.0F : 1.0F / (1.0F + exp_one(-gate[i]));
    out[i] = gate[i] * share * up[i];
  }
}

ARMORM_SIMD void gelu_tanh_times(const float* __restrict gate, const float* __restrict up,
                                 float* __restrict out, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gate[i];
    const float inner = 0.79788456F * (g + 0.044715F * g * g * g);
    out[i] = 0.5F * g * (1.0F + tanh_one(inner)) * up[i];
  }
}

}  // namespace armorm::model::cpu::simd
