#include "model/cpu_linear.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>

#include "model/brgemm.h"
#include "model/simd_rows.h"

namespace armorm::model::cpu {
namespace {

constexpr std::int64_t kPanel = 64;        // output features side by side: four vectors of 16 floats
constexpr std::int64_t kRowBlock = 256;    // rows that one task multiplies with a panel
constexpr std::int64_t kChunkBytes = 512;  // of one row: so much of a panel stays in the first-level cache

// Inputs that one packed row pair (bfloat16) or row (float32) holds.
template <class T>
constexpr std::int64_t kInterleaved = std::is_same_v<T, at::BFloat16> ? 2 : 1;

std::int64_t panels_of(std::int64_t out_features) { return (out_features + kPanel - 1) / kPanel; }

template <class T>
std::int64_t padded_inputs(std::int64_t in_features) {
  return round_up(in_features, kInterleaved<T>);
}

// Words of 4 bytes, a float or two bfloat16, are transposed: [rows, words] -> [words, kPanel]. Blocks of a
// cache line of each row keep both sides in the cache.
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

template <class T>
at::Tensor pack(const at::Tensor& weight) {
  const std::int64_t out_features = weight.size(0);
  const std::int64_t panel_size = padded_inputs<T>(weight.size(1)) * kPanel;
  at::Tensor packed = at::empty({panels_of(out_features) * panel_size}, weight.options());
  T* to = packed.mutable_data_ptr<T>();
  const T* from = weight.const_data_ptr<T>();
  at::parallel_for(0, panels_of(out_features), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t p = begin; p < end; ++p) {
      T* panel = to + p * panel_size;
      std::fill_n(panel, panel_size, T(0.0F));
      pack_panel(from + p * kPanel * weight.stride(0), weight.stride(0),
                 std::min(kPanel, out_features - p * kPanel), weight.size(1), panel);
    }
  });
  return packed;
}

// Rows that are multiplied together: a multiple of kRowMultiple lies at x, of which the first `valid` are
// wanted.
template <class T>
struct RowBlock {
  const T* x;
  std::int64_t stride;
  std::int64_t rows;
  std::int64_t valid;
  std::int64_t out_row;
};

// Blocks of like size, and one for the rows that do not fill a multiple, in `tail`.
template <class T>
std::vector<RowBlock<T>> split_rows(const at::Tensor& x, std::vector<T>& tail) {
  const T* data = x.const_data_ptr<T>();
  const std::int64_t n = x.size(0);
  const std::int64_t inputs = x.size(1);
  const std::int64_t whole = n / kRowMultiple * kRowMultiple;
  std::vector<RowBlock<T>> blocks;
  const std::int64_t count = (whole + kRowBlock - 1) / kRowBlock;
  const std::int64_t size = count > 0 ? round_up((whole + count - 1) / count, kRowMultiple) : 0;
  for (std::int64_t row = 0; row < whole; row += size) {
    const std::int64_t rows = std::min(size, whole - row);
    blocks.push_back({data + row * x.stride(0), x.stride(0), rows, rows, row});
  }
  if (whole == n) return blocks;
  tail.assign(static_cast<std::size_t>(kRowMultiple * inputs), T(0.0F));
  for (std::int64_t row = whole; row < n; ++row)
    std::copy_n(data + row * x.stride(0), inputs, tail.data() + (row - whole) * inputs);
  blocks.push_back({tail.data(), inputs, kRowMultiple, n - whole, whole});
  return blocks;
}

void write_row(const float* row, std::int64_t n, float* out) { std::copy_n(row, n, out); }
void write_row(const float* row, std::int64_t n, at::BFloat16* out) {
  simd::narrow(row, reinterpret_cast<std::uint16_t*>(out), n);
}

template <class T>
struct Product {
  const T* weight;    // packed
  const float* bias;  // [panels * kPanel] or null
  T* out;
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

template <class T>
at::Tensor multiply(const at::Tensor& x, const at::Tensor& packed, std::int64_t out_features,
                    const at::Tensor& bias) {
  const std::int64_t inputs = padded_inputs<T>(x.size(1));
  const at::Tensor rows = inputs == x.size(1) ? x : at::constant_pad_nd(x, {0, inputs - x.size(1)});
  at::Tensor out = at::empty({x.size(0), out_features}, x.options());
  const at::Tensor wide_bias = bias.defined() ? bias.to(at::kFloat).contiguous() : bias;
  const Product<T> product{packed.const_data_ptr<T>(),
                           bias.defined() ? wide_bias.const_data_ptr<float>() : nullptr,
                           out.mutable_data_ptr<T>(), inputs, out_features};
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
  return weight.scalar_type() == at::kBFloat16 ? pack<at::BFloat16>(weight) : pack<float>(weight);
}

at::Tensor linear(const at::Tensor& x, const at::Tensor& packed, std::int64_t out_features,
                  const at::Tensor& bias) {
  return x.scalar_type() == at::kBFloat16 ? multiply<at::BFloat16>(x, packed, out_features, bias)
                                          : multiply<float>(x, packed, out_features, bias);
}

}  // namespace armorm::model::cpu
