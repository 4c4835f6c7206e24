#include "model/cpu/kernels.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <cmath>

#include "model/cpu/simd_rows.h"

namespace armorm::model::cpu {
namespace {

// Minimum number of elements for which waking another thread pays.
constexpr std::int64_t kGrain = 1 << 14;

// A row of a float32 or bfloat16 matrix, read as floats.
class RowReader {
 public:
  explicit RowReader(const at::Tensor& x)
      : data_(static_cast<const std::byte*>(x.const_data_ptr())),
        stride_(x.stride(0) * x.element_size()),
        size_(x.numel() / x.size(0)),
        wide_(x.scalar_type() == at::kFloat) {}

  const float* read(std::int64_t row, float* scratch) const {
    const std::byte* from = data_ + row * stride_;
    if (wide_) return reinterpret_cast<const float*>(from);
    simd::widen(reinterpret_cast<const std::uint16_t*>(from), scratch, size_);
    return scratch;
  }
  std::int64_t size() const { return size_; }

 private:
  const std::byte* data_;
  std::int64_t stride_;
  std::int64_t size_;
  bool wide_;
};

class RowWriter {
 public:
  explicit RowWriter(const at::Tensor& x)
      : data_(static_cast<std::byte*>(x.mutable_data_ptr())),
        stride_(x.stride(0) * x.element_size()),
        size_(x.numel() / x.size(0)),
        wide_(x.scalar_type() == at::kFloat) {}

  // Where to compute the row: the row itself, or `scratch`, which commit() rounds into the row.
  float* begin(std::int64_t row, float* scratch) const {
    return wide_ ? reinterpret_cast<float*>(data_ + row * stride_) : scratch;
  }
  void commit(std::int64_t row, const float* scratch) const {
    if (!wide_) simd::narrow(scratch, reinterpret_cast<std::uint16_t*>(data_ + row * stride_), size_);
  }

 private:
  std::byte* data_;
  std::int64_t stride_;
  std::int64_t size_;
  bool wide_;
};

// Calls work(row, scratch) for every row, with `scratch_size` floats per thread.
template <class Work>
void for_each_row(std::int64_t rows, std::int64_t row_size, std::int64_t scratch_size, const Work& work) {
  at::parallel_for(0, rows, std::max<std::int64_t>(1, kGrain / row_size),
                   [&](std::int64_t from, std::int64_t to) {
                     std::vector<float> scratch(static_cast<std::size_t>(scratch_size));
                     for (std::int64_t row = from; row < to; ++row) work(row, scratch.data());
                   });
}

void normalise(const float* x, const float* weight, double eps, float* out, std::int64_t n) {
  const float mean = simd::sum_of_squares(x, n) / static_cast<float>(n);
  simd::scale_by_weight(x, 1.0F / std::sqrt(mean + static_cast<float>(eps)), weight, out, n);
}

// As normalise() within one row, whose pointers must not be two.
void normalise_inplace(float* x, const float* weight, double eps, std::int64_t n) {
  const float mean = simd::sum_of_squares(x, n) / static_cast<float>(n);
  simd::scale_inplace(x, 1.0F / std::sqrt(mean + static_cast<float>(eps)), weight, n);
}

// Calls prepare(head) for every head, and rotates it.
template <class Prepare>
void rotate_heads(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, const Prepare& prepare) {
  const RowReader in(x);
  const RowWriter result(x);
  const std::int64_t half = x.size(2) / 2;
  const auto* c = cos.const_data_ptr<float>();
  const auto* s = sin.const_data_ptr<float>();
  const std::int64_t n = in.size();
  for_each_row(x.size(0), n, n, [&](std::int64_t row, float* scratch) {
    in.read(row, scratch);
    float* heads = result.begin(row, scratch);
    for (std::int64_t at = 0; at < n; at += 2 * half) {
      prepare(heads + at);
      simd::rotate(heads + at, c + row * half, s + row * half, half);
    }
    result.commit(row, scratch);
  });
}

}  // namespace

bool supports(const at::Tensor& x) {
  const bool known = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  return x.is_cpu() && known && x.numel() > 0 && x[0].is_contiguous();
}

at::Tensor rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  at::Tensor out = at::empty(x.sizes(), x.options());
  const RowReader in(x);
  const RowWriter result(out);
  const auto* w = weight.const_data_ptr<float>();
  const std::int64_t n = in.size();
  for_each_row(x.size(0), n, 2 * n, [&](std::int64_t row, float* scratch) {
    normalise(in.read(row, scratch), w, eps, result.begin(row, scratch + n), n);
    result.commit(row, scratch + n);
  });
  return out;
}

at::Tensor add_rms_norm(at::Tensor& residual, const at::Tensor& delta, const at::Tensor& weight, double eps) {
  at::Tensor out = at::empty(residual.sizes(), residual.options());
  const RowReader old(residual);
  const RowReader added(delta);
  const RowWriter sum(residual);
  const RowWriter result(out);
  const auto* w = weight.const_data_ptr<float>();
  const std::int64_t n = old.size();
  for_each_row(residual.size(0), n, 3 * n, [&](std::int64_t row, float* scratch) {
    simd::add(old.read(row, scratch), added.read(row, scratch + n), sum.begin(row, scratch + 2 * n), n);
    sum.commit(row, scratch + 2 * n);
    // The norm is taken of the rounded residual, which the next layers add to.
    normalise(old.read(row, scratch), w, eps, result.begin(row, scratch + n), n);
    result.commit(row, scratch + n);
  });
  return out;
}

void rope_inplace(at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin) {
  rotate_heads(x, cos, sin, [](float* /*head*/) {});
}

void norm_rope_inplace(at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& cos,
                       const at::Tensor& sin) {
  const auto* w = weight.const_data_ptr<float>();
  const std::int64_t width = x.size(2);
  rotate_heads(x, cos, sin, [=](float* head) { normalise_inplace(head, w, eps, width); });
}

at::Tensor gated_activation(const at::Tensor& gate_up, Activation activation) {
  const std::int64_t n = gate_up.size(1) / 2;
  at::Tensor out = at::empty({gate_up.size(0), n}, gate_up.options());
  const RowReader in(gate_up);
  const RowWriter result(out);
  const auto function = activation == Activation::silu ? simd::silu_times : simd::gelu_tanh_times;
  for_each_row(gate_up.size(0), n, 3 * n, [&](std::int64_t row, float* scratch) {
    const float* gate = in.read(row, scratch);
    function(gate, gate + n, result.begin(row, scratch + 2 * n), n);
    result.commit(row, scratch + 2 * n);
  });
  return out;
}

}  // namespace armorm::model::cpu
