#include "gating/dot_products.h"

#include <cstdint>

#include "core/simd_clones.h"

namespace armorm::gating {
namespace {

// Independent partial sums: a single sum in strict order cannot be vectorised.
constexpr std::int64_t kLanes = 32;

ARMORM_SIMD float dot(const float* __restrict a, const float* __restrict b, std::int64_t n) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::int64_t j = 0; j < kLanes; ++j) lanes[j] += a[i + j] * b[i + j];
  double sum = 0.0;
  for (; i < n; ++i) sum += static_cast<double>(a[i]) * b[i];
  for (const float lane : lanes) sum += lane;
  return static_cast<float>(sum);
}

}  // namespace

void dot_products(MatrixView<const float> weight, std::span<const float> bias, MatrixView<const float> inputs,
                  MatrixView<float> out) {
  for (std::int64_t o = 0; o < weight.rows; ++o) {
    const float b = bias.empty() ? 0.0F : bias[static_cast<std::size_t>(o)];
    for (std::int64_t r = 0; r < inputs.rows; ++r)
      out.data[r * out.row_stride + o] =
          dot(weight.data + o * weight.row_stride, inputs.data + r * inputs.row_stride, weight.cols) + b;
  }
}

}  // namespace armorm::gating
