#include "gating/gate_rows.h"

#include <cmath>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ARMORM_SIMD __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ARMORM_SIMD
#endif

namespace armorm::gate_rows {
namespace {

// The finaliser of splitmix64 over a counter: its high and low half are two draws.
[[gnu::always_inline]] inline std::uint64_t bits_of(std::uint64_t key, std::uint64_t counter) {
  std::uint64_t z = key + counter * 0x9e3779b97f4a7c15ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

[[gnu::always_inline]] inline float pass(float x, std::uint32_t bits, const Dropout& dropout) {
  return x > 0.0F && bits >= dropout.threshold ? x * dropout.scale : 0.0F;
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

ARMORM_SIMD void relu_dropout(const Dropout& dropout, std::int64_t first, float* __restrict x, std::int64_t n) {
  const std::uint64_t counter = static_cast<std::uint64_t>(first) / 2;
  const std::int64_t pairs = n / 2;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const std::uint64_t bits = bits_of(dropout.key, counter + static_cast<std::uint64_t>(i));
    x[2 * i] = pass(x[2 * i], static_cast<std::uint32_t>(bits), dropout);
    x[2 * i + 1] = pass(x[2 * i + 1], static_cast<std::uint32_t>(bits >> 32), dropout);
  }
  if (n % 2 != 0) {
    const std::uint64_t bits = bits_of(dropout.key, counter + static_cast<std::uint64_t>(pairs));
    x[n - 1] = pass(x[n - 1], static_cast<std::uint32_t>(bits), dropout);
  }
}

ARMORM_SIMD void relu(float* __restrict x, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) x[i] = x[i] > 0.0F ? x[i] : 0.0F;
}

ARMORM_SIMD void relu_backward(const float* __restrict output, float scale, float* __restrict d, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) d[i] = output[i] > 0.0F ? d[i] * scale : 0.0F;
}

}  // namespace armorm::gate_rows
