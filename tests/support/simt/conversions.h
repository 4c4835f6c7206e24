// The roundings of CUDA's conversions, by arithmetic instead of bits.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace armorm::test::simt {

inline float float_of_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

// __float2bfloat16_rn: to nearest, ties to even; 0x7fff for NaN.
inline std::uint16_t bf16_of_float(float x) {
  if (std::isnan(x)) return 0x7fff;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t odd = bits >> 16 & 1U;
  return static_cast<std::uint16_t>((bits + 0x7fffU + odd) >> 16);
}

// cvt.rn.satfinite.e4m3x2: to nearest, ties to even, at most 448; 0x7f for NaN.
inline std::uint8_t e4m3_of_float(float x) {
  if (std::isnan(x)) return 0x7f;
  const int sign = std::signbit(x) ? 0x80 : 0;
  const double magnitude = std::fabs(static_cast<double>(x));
  if (magnitude >= 448.0) return static_cast<std::uint8_t>(sign | 0x7e);
  constexpr int kLowest = -6;  // exponent of the smallest normal number, and of all below
  const int exponent = magnitude < 0x1p-6 ? kLowest : std::ilogb(magnitude);
  const int eighths = static_cast<int>(std::nearbyint(std::ldexp(magnitude, 3 - exponent)));
  return static_cast<std::uint8_t>(sign | (((exponent - kLowest) << 3) + eighths));
}

}  // namespace armorm::test::simt
