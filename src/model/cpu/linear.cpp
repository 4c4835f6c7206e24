#include "model/cpu/linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "model/cpu/brgemm.h"
#include "model/cpu/simd_rows.h"

namespace armorm::model::cpu {
namespace {

constexpr std::int64_t kPanel = 64;        // adjacent output features: four vectors of 16 floats
constexpr std::int64_t kRowBlock = 256;    // rows that one task multiplies by a panel
constexpr std::int64_t kChunkBytes = 512;  // of one row: this much of a panel stays in the first-level cache

// Inputs in one packed row pair (bfloat16) or row (float32).
template <class T>
constexpr std::int64_t kInterleaved = std::is_same_v<T, at::BFloat16> ? 2 : 1;

std::int64_t panels_of(std::int64_t out_features) { return (out_features + kPanel - 1) / kPanel; }

template <class T>
std::int64_t padded_inputs(std::int64_t in_features) {
  return round_up(in_features, kInterleaved<T>);
}

// Transposes words of 4 bytes (one float or two bfloat16): [rows, words] -> [words, kPanel]. Blocks of one
// cache line per row keep both sides in the cache.
template <class T>
void pack_panel(const T* weight, std::int64_t row_stride, std::int64_t rows, std::int64_t inputs, T* out) {
  constexpr std::int64_t n = kInterleaved<T>;
  constexpr std::int64_t kWords = 16;
  const std::int64_t words = inputs / n;
  for (std::int64_t first = 0; first < words; first += kWords) {
    const std::int64_t last = std::min(words, first + kWords);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t i = first; i < last; ++i)
        std::copy_n(weight + r * row_stride + i * n, n, out + (i * kPanel + r) * n);
    }
  }
  for (std::int64_t r = 0; r < rows && inputs % n != 0; ++r)
    out[(words * kPanel + r) * n] = weight[r * row_stride + inputs - 1];
}

// The same for the transpose: row i holds input i of all outputs.
template <class T>
void pack_panel_columns(const T* columns, std::int64_t row_stride, std::int64_t outputs, std::int64_t inputs,
                        T* out) {
  constexpr std::int64_t n = kInterleaved<T>;
  for (std::int64_t i = 0; i < inputs; ++i) {
    const T* from = columns + i * row_stride;
    T* to = out + i / n * n * kPanel + i % n;
    for (std::int64_t r = 0; r < outputs; ++r) to[r * n] = from[r];
  }
}

// `fill(panel, n_outputs, out)` writes one panel over zeros.
template <class T, class Fill>
at::Tensor pack(std::int64_t outputs, std::int64_t inputs, const at::TensorOptions& type, const Fill& fill) {
  const std::int64_t panel_size = padded_inputs<T>(inputs) * kPanel;
  at::Tensor packed = at::empty({panels_of(outputs) * panel_size}, type);
  T* to = packed.mutable_data_ptr<T>();
  at::parallel_for(0, panels_of(outputs), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      T* panel = to + p * panel_size;
      const std::int64_t here = std::min(kPanel, outputs - p * kPanel);
      if (here < kPanel || inputs % kInterleaved<T> != 0) std::fill_n(panel, panel_size, T(0.0F));
      fill(p, here, panel);
    }
  });
  return packed;
}

template <class T>
at::Tensor pack_rows_of(const at::Tensor& weight) {
  const T* from = weight.const_data_ptr<T>();
  const std::int64_t stride = weight.stride(0);
  return pack<T>(weight.size(0), weight.size(1), weight.options(),
                 [&](std::int64_t p, std::int64_t outputs, T* panel) {
                   pack_panel(from + p * kPanel * stride, stride, outputs, weight.size(1), panel);
                 });
}

template <class T>
at::Tensor pack_columns_of(const at::Tensor& weight) {
  const T* from = weight.const_data_ptr<T>();
  return pack<T>(weight.size(1), weight.size(0), weight.options(),
                 [&](std::int64_t p, std::int64_t outputs, T* panel) {
                   pack_panel_columns(from + p * kPanel, weight.stride(0), outputs, weight.size(0), panel);
                 });
}

// Rows that are multiplied together: x holds a multiple of kRowMultiple rows, the first `valid` are wanted.
template <class T>
struct RowBlock {
  const T* x;
  std::int64_t stride;
  std::int64_t rows;
  std::int64_t valid;
  std::int64_t out_row;
};

// Blocks of similar size; a last block in `tail` holds the rows that do not fill a multiple.
template <class T>
std::vector<RowBlock<T>> split_rows(const at::Tensor& x, std::vector<T>& tail) {
  const T* data = x.const_data_ptr<T>();
  const std::int64_t n = x.size(0);
  const std::int64_t inputs = x.size(1);
  const std::int64_t full = n / kRowMultiple * kRowMultiple;
  std::vector<RowBlock<T>> blocks;
  const std::int64_t count = (full + kRowBlock - 1) / kRowBlock;
  const std::int64_t size = count > 0 ? round_up((full + count - 1) / count, kRowMultiple) : 0;
  for (std::int64_t row = 0; row < full; row += size) {
    const std::int64_t rows = std::min(size, full - row);
    blocks.push_back({data + row * x.stride(0), x.stride(0), rows, rows, row});
  }
  if (full == n) return blocks;
  tail.assign(static_cast<std::size_t>(kRowMultiple * inputs), T(0.0F));
  for (std::int64_t row = full; row < n; ++row)
    std::copy_n(data + row * x.stride(0), inputs, tail.data() + (row - full) * inputs);
  blocks.push_back({tail.data(), inputs, kRowMultiple, n - full, full});
  return blocks;
}

void write_row(const float* row, std::int64_t n, float* out) { std::copy_n(row, n, out); }
void write_row(const float* row, std::int64_t n, at::BFloat16* out) {
  simd::narrow(row, reinterpret_cast<std::uint16_t*>(out), n);
}

template <class T, class Out>
struct Product {
  const T* weight;    // packed
  const float* bias;  // [panels * kPanel] or null
  Out* out;
  std::int64_t inputs;
  std::int64_t outputs;

  // `sums`: scratch of block.rows * kPanel floats.
  void run(const RowBlock<T>& block, std::int64_t panel, float* sums) const {
    constexpr std::int64_t chunk = kChunkBytes / static_cast<std::int64_t>(sizeof(T));
    const T* b = weight + panel * inputs * kPanel;
    for (std::int64_t k = 0; k < inputs; k += chunk) {
      const Brgemm shape{block.rows, kPanel, std::min(chunk, inputs - k)};
      brgemm(shape, block.x + k, block.stride, b + k * kPanel, sums, /*add=*/k > 0);
    }
    const std::int64_t columns = std::min(kPanel, outputs - panel * kPanel);
    for (std::int64_t r = 0; r < block.valid; ++r) {
      float* row = sums + r * kPanel;
      if (bias != nullptr) simd::add(row, bias + panel * kPanel, row, columns);
      write_row(row, columns, out + (block.out_row + r) * outputs + panel * kPanel);
    }
  }
};

template <class T, class Out>
at::Tensor multiply(const at::Tensor& x, const at::Tensor& packed, std::int64_t out_features,
                    const at::Tensor& bias) {
  const std::int64_t inputs = padded_inputs<T>(x.size(1));
  const at::Tensor rows = inputs == x.size(1) ? x : at::constant_pad_nd(x, {0, inputs - x.size(1)});
  at::Tensor out =
      at::empty({x.size(0), out_features}, x.options().dtype(c10::CppTypeToScalarType<Out>::value));
  const at::Tensor wide_bias = bias.defined() ? bias.to(at::kFloat).contiguous() : bias;
  const Product<T, Out> product{packed.const_data_ptr<T>(),
                                bias.defined() ? wide_bias.const_data_ptr<float>() : nullptr,
                                out.mutable_data_ptr<Out>(), inputs, out_features};
  std::vector<T> tail;
  const std::vector<RowBlock<T>> blocks = split_rows<T>(rows, tail);
  const std::int64_t panels = panels_of(out_features);
  const std::int64_t tasks = std::ssize(blocks) * panels;
  std::atomic<std::int64_t> next = 0;
  at::parallel_for(0, at::get_num_threads(), 1, [&](std::int64_t, std::int64_t) {
    std::vector<float> sums(static_cast<std::size_t>(kRowBlock * kPanel));
    for (std::int64_t task = next++; task < tasks; task = next++)
      product.run(blocks[static_cast<std::size_t>(task / panels)], task % panels, sums.data());
    brgemm_release();
  });
  return out;
}

}  // namespace

bool supports_linear(at::ScalarType type) { return supports_brgemm(type); }

at::Tensor pack_weight(const at::Tensor& weight) {
  return weight.scalar_type() == at::kBFloat16 ? pack_rows_of<at::BFloat16>(weight)
                                               : pack_rows_of<float>(weight);
}

at::Tensor pack_columns(const at::Tensor& transposed_weight) {
  return transposed_weight.scalar_type() == at::kBFloat16 ? pack_columns_of<at::BFloat16>(transposed_weight)
                                                          : pack_columns_of<float>(transposed_weight);
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& packed, std::int64_t out_features,
                  const at::Tensor& bias) {
  return linear(x, packed, out_features, bias, x.scalar_type());
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& packed, std::int64_t out_features,
                  const at::Tensor& bias, at::ScalarType result) {
  if (x.scalar_type() == at::kFloat) return multiply<float, float>(x, packed, out_features, bias);
  return result == at::kFloat ? multiply<at::BFloat16, float>(x, packed, out_features, bias)
                              : multiply<at::BFloat16, at::BFloat16>(x, packed, out_features, bias);
}

}  // namespace armorm::model::cpu
