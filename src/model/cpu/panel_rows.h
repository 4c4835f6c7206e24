// Copies of rows into the layout of panels.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>

namespace armorm::model::cpu {

// Up to kPanel rows of words -> [words, kPanel] words; columns of missing rows stay what they are. Strides in
// bytes.
void transpose_words(const std::byte* from, std::int64_t stride, std::int64_t rows, std::int64_t words,
                     std::byte* to);

// Up to kPanel columns of `rows` rows, as bfloat16 pairs of rows: [rows / 2, kPanel, 2], missing columns and
// an odd last row filled with zeros. Stride in elements.
void interleave_rows(const at::BFloat16* from, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                     std::byte* to);

void widen_row(const at::BFloat16* from, std::int64_t n, float* to);
// As it is, or rounded to nearest even.
void narrow_row(const float* from, std::int64_t n, float* to);
void narrow_row(const float* from, std::int64_t n, at::BFloat16* to);

}  // namespace armorm::model::cpu
