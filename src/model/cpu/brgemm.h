// oneDNN's batch-reduce GEMM through LibTorch: small products on one thread, in registers and caches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace armorm::model::cpu {

// Products have a multiple of this many rows, so that few kernels are generated.
inline constexpr std::int64_t kRowMultiple = 16;

// [rows, inner] x [inner, columns]; strides of a and c in elements.
struct Brgemm {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t inner;  // even for bfloat16
  std::int64_t a_stride;
  std::int64_t c_stride;
};

// c (float32 [rows, columns]) = or += a b. b is contiguous; for bfloat16 its rows 2i
// and 2i + 1 are interleaved: [inner / 2, columns, 2].
void brgemm(const Brgemm& shape, const at::BFloat16* a, const at::BFloat16* b, float* c, bool add);
void brgemm(const Brgemm& shape, const float* a, const float* b, float* c, bool add);

// Each thread must call it after its last product.
void brgemm_release();

// Whether this processor and LibTorch support the products for `type`.
bool supports_brgemm(at::ScalarType type);

}  // namespace armorm::model::cpu
