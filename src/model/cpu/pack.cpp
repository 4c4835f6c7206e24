#include "model/cpu/pack.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "model/cpu/panel_rows.h"

namespace armorm::model::cpu {
namespace {

// The outputs of a panel: up to two runs of the weight's rows that follow each other in the panel.
struct PanelRows {
  std::int64_t first[2];
  std::int64_t count[2];
  std::int64_t column[2];
};

PanelRows rows_of_panel(std::int64_t panel, std::int64_t outputs, bool gated) {
  if (!gated) return {{panel * kPanel, 0}, {std::min(kPanel, outputs - panel * kPanel), 0}, {0, 0}};
  constexpr std::int64_t kHalf = kPanel / 2;
  const std::int64_t count = std::min(kHalf, outputs / 2 - panel * kHalf);
  return {{panel * kHalf, outputs / 2 + panel * kHalf}, {count, count}, {0, kHalf}};
}

std::int64_t panels_for(std::int64_t outputs, bool gated) {
  return gated ? (outputs / 2 + kPanel / 2 - 1) / (kPanel / 2) : panels_of(outputs);
}

template <class T>
constexpr std::int64_t kPerWord = 4 / static_cast<std::int64_t>(sizeof(T));

template <class T>
void pack_rows(const T* weight, std::int64_t row_stride, std::int64_t rows, std::int64_t inputs, T* out) {
  constexpr std::int64_t n = kPerWord<T>;
  const std::int64_t words = inputs / n;
  transpose_words(reinterpret_cast<const std::byte*>(weight),
                  row_stride * static_cast<std::int64_t>(sizeof(T)), rows, words,
                  reinterpret_cast<std::byte*>(out));
  for (std::int64_t r = 0; r < rows; ++r)
    std::copy_n(weight + r * row_stride + words * n, inputs % n, out + (words * kPanel + r) * n);
}

// Row i of `columns` holds input i of all outputs.
void pack_panel_columns(const float* columns, std::int64_t row_stride, std::int64_t outputs,
                        std::int64_t inputs, float* out) {
  for (std::int64_t i = 0; i < inputs; ++i) std::copy_n(columns + i * row_stride, outputs, out + i * kPanel);
}

void pack_panel_columns(const at::BFloat16* columns, std::int64_t row_stride, std::int64_t outputs,
                        std::int64_t inputs, at::BFloat16* out) {
  interleave_rows(columns, row_stride, inputs, outputs, reinterpret_cast<std::byte*>(out));
}

// `fill(panel, out)` writes one panel, which holds zeros where it is not `full`.
template <class T, class Fill>
at::Tensor pack(std::int64_t n_panels, std::int64_t inputs, const at::TensorOptions& type, bool full,
                const Fill& fill) {
  const std::int64_t panel_size = round_up(inputs, kPerWord<T>) * kPanel;
  at::Tensor packed = at::empty({n_panels * panel_size}, type);
  T* to = packed.mutable_data_ptr<T>();
  at::parallel_for(0, n_panels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      T* panel = to + p * panel_size;
      if (!full) std::fill_n(panel, panel_size, T(0));
      fill(p, panel);
    }
  });
  return packed;
}

template <class T>
at::Tensor pack_weight_of(const at::Tensor& weight, bool gated) {
  const T* from = weight.const_data_ptr<T>();
  const std::int64_t stride = weight.stride(0);
  const std::int64_t outputs = weight.size(0);
  const bool full = outputs % kPanel == 0 && weight.size(1) % kPerWord<T> == 0;
  return pack<T>(panels_for(outputs, gated), weight.size(1), weight.options(), full,
                 [&](std::int64_t p, T* panel) {
                   const PanelRows rows = rows_of_panel(p, outputs, gated);
                   for (int run = 0; run < 2; ++run)
                     pack_rows(from + rows.first[run] * stride, stride, rows.count[run], weight.size(1),
                               panel + rows.column[run] * kPerWord<T>);
                 });
}

template <class T>
at::Tensor pack_columns_of(const at::Tensor& weight) {
  const T* from = weight.const_data_ptr<T>();
  const std::int64_t outputs = weight.size(1);
  const bool full = outputs % kPanel == 0 && weight.size(0) % kPerWord<T> == 0;
  return pack<T>(panels_of(outputs), weight.size(0), weight.options(), full, [&](std::int64_t p, T* panel) {
    pack_panel_columns(from + p * kPanel, weight.stride(0), std::min(kPanel, outputs - p * kPanel),
                       weight.size(0), panel);
  });
}

}  // namespace

std::int64_t panels_of(std::int64_t out_features) { return (out_features + kPanel - 1) / kPanel; }

at::Tensor pack_weight(const at::Tensor& weight, bool gated) {
  if (weight.scalar_type() == at::kChar) return pack_weight_of<std::int8_t>(weight, gated);
  if (weight.scalar_type() == at::kShort) return pack_weight_of<std::int16_t>(weight, gated);
  return weight.scalar_type() == at::kBFloat16 ? pack_weight_of<at::BFloat16>(weight, gated)
                                               : pack_weight_of<float>(weight, gated);
}

at::Tensor pack_columns(const at::Tensor& transposed_weight) {
  return transposed_weight.scalar_type() == at::kBFloat16 ? pack_columns_of<at::BFloat16>(transposed_weight)
                                                          : pack_columns_of<float>(transposed_weight);
}

at::Tensor pack_vector(const at::Tensor& values, bool gated) {
  const at::Tensor wide = values.to(at::kFloat).contiguous();
  const std::int64_t n_panels = panels_for(values.size(0), gated);
  at::Tensor packed = at::zeros({n_panels * kPanel}, at::kFloat);
  for (std::int64_t p = 0; p < n_panels; ++p) {
    const PanelRows rows = rows_of_panel(p, values.size(0), gated);
    for (int run = 0; run < 2; ++run)
      std::copy_n(wide.const_data_ptr<float>() + rows.first[run], rows.count[run],
                  packed.mutable_data_ptr<float>() + p * kPanel + rows.column[run]);
  }
  return packed;
}

}  // namespace armorm::model::cpu
