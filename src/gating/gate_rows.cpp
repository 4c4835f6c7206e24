#include "gating/gate_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/simd_clones.h"

namespace armorm::gating::gate_rows {
namespace {

// The finaliser of splitmix64 applied to a counter; its high and low halves are two draws.
[[gnu::always_inline]] inline std::uint64_t bits_of(std::uint64_t key, std::uint64_t counter) {
  std::uint64_t z = key + counter * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// Elements that share a block of draws; an even number.
constexpr std::int64_t kBlock = 128;

[[gnu::always_inline]] inline void drop_block(const Dropout& dropout, std::uint64_t counter,
                                              float* __restrict x, std::int64_t n) {
  alignas(64) std::uint64_t draws[kBlock / 2];
  alignas(64) std::uint32_t bits[kBlock];
  for (std::int64_t i = 0; i < kBlock / 2; ++i)
    draws[i] = bits_of(dropout.key, counter + static_cast<std::uint64_t>(i));
  std::memcpy(bits, draws, sizeof bits);
  for (std::int64_t i = 0; i < n; ++i)
    x[i] = x[i] > 0.0F && bits[i] >= dropout.threshold ? x[i] * dropout.scale : 0.0F;
}

}  // namespace

ARMORM_SIMD void adamw(const AdamWStep& s, const float* __restrict gradient, float* __restrict weights,
                       float* __restrict first, float* __restrict second, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = gradient[i];
    const float m = first[i] + (g - first[i]) * (1.0F - s.beta1);
    const float v = second[i] * s.beta2 + g * g * (1.0F - s.beta2);
    first[i] = m;
    second[i] = v;
    weights[i] = weights[i] * s.decay - s.step_size * m / (std::sqrt(v) / s.correction2 + s.epsilon);
  }
}

ARMORM_SIMD void relu_dropout(const Dropout& dropout, std::int64_t first, float* __restrict x,
                              std::int64_t n) {
  for (std::int64_t i = 0; i < n; i += kBlock)
    drop_block(dropout, static_cast<std::uint64_t>((first + i) / 2), x + i, std::min(kBlock, n - i));
}

ARMORM_SIMD void relu(float* __restrict x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] > 0.0F ? x[i] : 0.0F;
}

ARMORM_SIMD void relu_backward(const float* __restrict output, float scale, float* __restrict d,
                               std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) d[i] = output[i] > 0.0F ? d[i] * scale : 0.0F;
}

// The ReLU output is never negative: nonzero bits mean a number above 0.
ARMORM_SIMD void relu_backward(const BFloat16* __restrict output, float scale, float* __restrict d,
                               std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) d[i] = output[i].bits != 0 ? d[i] * scale : 0.0F;
}

}  // namespace armorm::gating::gate_rows
