// oneDNN's batch-reduce GEMM through LibTorch: small products on one thread, in registers and caches.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace armorm::model::cpu {

// Products have a multiple of this many rows, so that few kernels are generated.
inline constexpr std::int64_t kRowMultiple = 16;

inline std::int64_t round_up(std::int64_t n, std::int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

// [rows, inner] x [inner, columns].
struct Brgemm {
  std::int64_t rows;
  std::int64_t columns;
  std::int64_t inner;  // even for bfloat16
};

// c (float32 [rows, columns], contiguous) = or += a b. Rows of a are a_stride elements apart. b is
// contiguous; for bfloat16 its rows 2i and 2i + 1 are interleaved: [inner / 2, columns, 2].
void brgemm(const Brgemm& shape, const at::BFloat16* a, std::int64_t a_stride, const at::BFloat16* b,
            float* c, bool add);
void brgemm(const Brgemm& shape, const float* a, std::int64_t a_stride, const float* b, float* c, bool add);

// Each thread must call it after its last product.
void brgemm_release();

// Whether this processor and LibTorch support the products for `type`.
bool supports_brgemm(at::ScalarType type);

}  // namespace armorm::model::cpu
