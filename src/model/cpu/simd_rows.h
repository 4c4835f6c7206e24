// Vectorised loops over one row of floats, in one version per x86-64 level. bfloat16 rows are widened into a
// scratch row, processed in float32, and rounded once at the end.
#pragma once

#include <cstdint>

namespace armorm::model::cpu::simd {

void widen(const std::uint16_t* bf16, float* out, std::int64_t n);
// Rounds to nearest even; a NaN stays NaN.
void narrow(const float* values, std::uint16_t* bf16, std::int64_t n);

float sum_of_squares(const float* x, std::int64_t n);
void scale_by_weight(const float* x, float scale, const float* weight, float* out, std::int64_t n);
void scale_inplace(float* x, float scale, const float* weight, std::int64_t n);
void scale(const float* x, float factor, float* out, std::int64_t n);  // out may be x
// cap * tanh(x / cap)
void softcap(const float* x, float cap, float* out, std::int64_t n);  // out may be x
// At least `start`; NaNs are passed over.
float maximum(const float* x, std::int64_t n, float start);
// exp(x - shift) in place; the sum.
float exp_and_sum(float* x, float shift, std::int64_t n);
float exp(float x);
void add(const float* a, const float* b, float* out, std::int64_t n);
// Rotates x[j], x[half + j] by the angle with cos[j], sin[j].
void rotate(float* x, const float* cos, const float* sin, std::int64_t half);
void silu_times(const float* gate, const float* up, float* out, std::int64_t n);
void gelu_tanh_times(const float* gate, const float* up, float* out, std::int64_t n);

}  // namespace armorm::model::cpu::simd
