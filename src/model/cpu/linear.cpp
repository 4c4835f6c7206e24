#include "model/cpu/linear.h"

#include <ATen/ATen.h>

#include "model/cpu/panel_product.h"
#include "model/cpu/panel_results.h"

namespace armorm::model::cpu {
namespace {

// x as the kernel reads it.
Rows operand(const PanelKernel& kernel, const at::Tensor& x) {
  const bool odd = x.scalar_type() == at::kBFloat16 && x.size(1) % 2 != 0;
  const at::Tensor values = odd ? at::constant_pad_nd(x, {0, 1}) : x;
  return rows_for(kernel, kernel.widens ? values.to(at::kFloat) : values);
}

// `columns`: of the result from one panel. store(sums, row, column) writes a block at its place.
template <class Store>
void multiply(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
              const at::Tensor& bias, std::int64_t out_features, std::int64_t columns, const Store& store) {
  const Rows rows = operand(kernel, x);
  const float* biases = bias.defined() ? bias.const_data_ptr<float>() : nullptr;
  multiply_panels(kernel, rows, static_cast<const std::byte*>(packed.const_data_ptr()),
                  (out_features + columns - 1) / columns,
                  [&](const RowBlock& block, std::int64_t panel, const float* sums) {
                    const float* here = biases == nullptr ? nullptr : biases + panel * kPanel;
                    const std::int64_t column = panel * columns;
                    store(PanelSums{sums, here, block.valid, std::min(columns, out_features - column)},
                          block.first, column);
                  });
}

template <class T>
at::Tensor linear_to(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
                     std::int64_t out_features, const at::Tensor& bias) {
  at::Tensor out =
      at::empty({x.size(0), out_features}, x.options().dtype(c10::CppTypeToScalarType<T>::value));
  T* to = out.mutable_data_ptr<T>();
  multiply(kernel, x, packed, bias, out_features, kPanel,
           [&](const PanelSums& sums, std::int64_t row, std::int64_t column) {
             store(sums, to + row * out_features + column, out_features);
           });
  return out;
}

template <class T>
at::Tensor gated_linear_to(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
                           std::int64_t out_features, const at::Tensor& bias, Activation activation) {
  at::Tensor out = at::empty({x.size(0), out_features}, x.options());
  T* to = out.mutable_data_ptr<T>();
  multiply(kernel, x, packed, bias, out_features, kPanel / 2,
           [&](const PanelSums& sums, std::int64_t row, std::int64_t column) {
             store_gated(sums, activation, to + row * out_features + column, out_features);
           });
  return out;
}

}  // namespace

const PanelKernel* linear_kernel(CpuKernels kernels, at::ScalarType type) {
  if (type == at::kFloat) return panel_kernel(kernels, Operand::f32);
  return type == at::kBFloat16 ? panel_kernel(kernels, Operand::bf16) : nullptr;
}

at::Tensor linear(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
                  std::int64_t out_features, const at::Tensor& bias, std::optional<at::ScalarType> result) {
  return result.value_or(x.scalar_type()) == at::kFloat
             ? linear_to<float>(kernel, x, packed, out_features, bias)
             : linear_to<at::BFloat16>(kernel, x, packed, out_features, bias);
}

at::Tensor gated_linear(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
                        std::int64_t out_features, const at::Tensor& bias, Activation activation) {
  return x.scalar_type() == at::kFloat
             ? gated_linear_to<float>(kernel, x, packed, out_features, bias, activation)
             : gated_linear_to<at::BFloat16>(kernel, x, packed, out_features, bias, activation);
}

}  // namespace armorm::model::cpu
