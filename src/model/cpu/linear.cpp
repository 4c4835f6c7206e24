#include "model/cpu/linear.h"

#include <ATen/ATen.h>

#include <algorithm>

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

// sums [rows, kPanel] of a block and a panel of `words` words, which lies at `panel`.
void multiply_panel(const PanelKernel& kernel, const RowBlock& block, const std::byte* panel,
                    std::int64_t panel_words, float* sums, float* widened) {
  for (std::int64_t k = 0; k < panel_words; k += kernel.chunk_words) {
    const std::int64_t words = std::min(kernel.chunk_words, panel_words - k);
    PanelProduct product{block.rows,
                         words,
                         block.x + block.step * k,
                         block.stride,
                         panel + k * 4 * kPanel,
                         sums,
                         kPanel,
                         k > 0,
                         block.step,
                         block.group};
    if (kernel.widens) {
      widen_panel(product.panel, words, widened);
      product.words = 2 * words;
      product.x = block.x + 2 * block.step * k;
      product.panel = reinterpret_cast<const std::byte*>(widened);
    }
    kernel.multiply(product);
  }
}

at::Tensor multiply(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
                    const PanelResult& result) {
  const Rows rows = operand(kernel, x);
  const auto* panels = static_cast<const std::byte*>(packed.const_data_ptr());
  const std::int64_t words = kernel.widens ? rows.words / 2 : rows.words;
  const std::int64_t scratch = (kMaxRowBlock + 2 * kernel.chunk_words) * kPanel;
  for_each_panel(kernel, rows, result.n_panels(), scratch,
                 [&](const RowBlock& block, std::int64_t panel, float* sums) {
                   multiply_panel(kernel, block, panels + panel * words * 4 * kPanel, words, sums,
                                  sums + kMaxRowBlock * kPanel);
                   result.store(panel, sums, block.first, block.valid);
                 });
  return result.tensor();
}

}  // namespace

const PanelKernel* linear_kernel(CpuKernels kernels, at::ScalarType type) {
  if (type == at::kFloat) return panel_kernel(kernels, Operand::f32);
  return type == at::kBFloat16 ? panel_kernel(kernels, Operand::bf16) : nullptr;
}

at::Tensor linear(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
                  std::int64_t out_features, const at::Tensor& bias, std::optional<at::ScalarType> result) {
  return multiply(kernel, x, packed,
                  PanelResult(x.size(0), out_features, result.value_or(x.scalar_type()), bias));
}

at::Tensor gated_linear(const PanelKernel& kernel, const at::Tensor& x, const at::Tensor& packed,
                        std::int64_t out_features, const at::Tensor& bias, Activation activation) {
  return multiply(kernel, x, packed, PanelResult(x.size(0), out_features, x.scalar_type(), bias, activation));
}

}  // namespace armorm::model::cpu
