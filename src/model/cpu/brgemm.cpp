#include "model/cpu/brgemm.h"

#include <ATen/native/CPUBlas.h>

#include <exception>
#include <vector>

namespace armorm::model::cpu {
namespace {

namespace blas = at::native::cpublas;

template <class T>
bool product_works() {
  try {
    const std::vector<T> ones(static_cast<std::size_t>(kRowMultiple * kRowMultiple), T(1.0F));
    std::vector<float> out(ones.size());
    brgemm({kRowMultiple, kRowMultiple, kRowMultiple, kRowMultiple, kRowMultiple}, ones.data(), ones.data(),
           out.data(), false);
    brgemm_release();
    return out.front() == static_cast<float>(kRowMultiple);
  } catch (const std::exception&) {  // oneDNN's own exception, where LibTorch saw no obstacle
    return false;
  }
}

}  // namespace

void brgemm(const Brgemm& shape, const at::BFloat16* a, const at::BFloat16* b, float* c, bool add) {
  blas::brgemm(shape.rows, shape.columns, shape.inner, shape.a_stride, shape.columns, shape.c_stride, add, a,
               b, c, /*is_vnni=*/true);
}

void brgemm(const Brgemm& shape, const float* a, const float* b, float* c, bool add) {
  blas::brgemm(shape.rows, shape.columns, shape.inner, shape.a_stride, shape.columns, shape.c_stride, add, a,
               b, c, /*is_vnni=*/false);
}

void brgemm_release() { blas::brgemm_release(); }

bool supports_brgemm(at::ScalarType type) {
  if (type == at::kBFloat16) {
    static const bool works = product_works<at::BFloat16>();
    return works;
  }
  static const bool works = product_works<float>();
  return type == at::kFloat && works;
}

}  // namespace armorm::model::cpu
