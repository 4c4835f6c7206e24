// Vectorised loops over rows of floats, in one version per x86-64 level: the CPU work of a training step
// besides its products, each in one pass over memory.
#pragma once

#include <cstdint>

#include "core/dtype.h"

namespace armorm::gating::gate_rows {

inline constexpr std::int64_t kGrain = 1 << 16;  // minimum number of elements per thread; even

struct AdamWStep {
  float beta1, beta2, epsilon;
  float decay;        // 1 - learning rate * weight decay
  float step_size;    // learning rate / (1 - beta1^t)
  float correction2;  // sqrt(1 - beta2^t)
};
// weights -= step_size * first / (sqrt(second) / correction2 + epsilon), after the moments are updated.
void adamw(const AdamWStep& step, const float* gradient, float* weights, float* first, float* second,
           std::int64_t n);

// Inverted dropout after ReLU. An element is kept where the 32 random bits of `key` and its index are at
// least `threshold`; kept elements are multiplied by `scale`. `first`: the index of x[0]; even.
struct Dropout {
  std::uint64_t key;
  std::uint32_t threshold;  // probability * 2^32
  float scale;
};
void relu_dropout(const Dropout& dropout, std::int64_t first, float* x, std::int64_t n);
void relu(float* x, std::int64_t n);
// d *= scale where the layer passed the element, else 0.
void relu_backward(const float* output, float scale, float* d, std::int64_t n);
void relu_backward(const BFloat16* output, float scale, float* d, std::int64_t n);

}  // namespace armorm::gating::gate_rows
