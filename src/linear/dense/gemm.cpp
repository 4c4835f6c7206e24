#include <algorithm>
#include <array>
#include <memory>

#include "linear/dense/dense.h"
#include "linear/dense/tile_kernel.h"

namespace armorm::linear::dense {
namespace {

// A block of the right factor and a block of rows of the left one fit the second-level cache together; a
// panel of the left one fits the first-level cache.
constexpr std::int64_t kDepth = 256;
constexpr std::int64_t kColumns = 8 * kTileRows;
constexpr std::int64_t kRows = 16 * kPanel;

constexpr std::int64_t round_up(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

// Element (k, j) at data[k * stride + j], or at data[j * stride + k] when along_k.
struct Source {
  const double* data;
  std::int64_t stride;
  bool along_k;

  const double* at(std::int64_t k, std::int64_t j) const {
    return along_k ? data + j * stride + k : data + k * stride + j;
  }
};

// Packs factor times the elements k < depth, j < width as panels [depth, kPanel]; zeros up to `padded`
// columns.
void pack(const Source& from, std::int64_t depth, std::int64_t width, std::int64_t padded, double factor,
          double* out) {
  for (std::int64_t first = 0; first < padded; first += kPanel, out += depth * kPanel) {
    const std::int64_t n = std::clamp<std::int64_t>(width - first, 0, kPanel);
    if (n < kPanel) std::fill_n(out, depth * kPanel, 0.0);
    const double* in = from.at(0, first);
    const std::int64_t step_k = from.along_k ? 1 : from.stride;
    const std::int64_t step_j = from.along_k ? from.stride : 1;
    if (n == kPanel && !from.along_k) {
      for (std::int64_t k = 0; k < depth; ++k) {
        for (std::int64_t j = 0; j < kPanel; ++j) out[k * kPanel + j] = factor * in[k * step_k + j];
      }
      continue;
    }
    for (std::int64_t k = 0; k < depth; ++k) {
      for (std::int64_t j = 0; j < n; ++j) out[k * kPanel + j] = factor * in[k * step_k + j * step_j];
    }
  }
}

// c [rows, columns] += left right', both packed.
void add_product(std::int64_t depth, const double* left, std::int64_t rows, const double* right,
                 std::int64_t columns, double* c, std::int64_t ldc) {
  for (std::int64_t i = 0; i < rows; i += kPanel) {
    for (std::int64_t j = 0; j < columns; j += kTileRows) {
      const LeftFactor tile{right + j * depth, kPanel, depth * kPanel};
      double* out = c + i * ldc + j;
      if (i + kPanel <= rows && j + kTileRows <= columns) {
        tile_kernels().multiply(depth, tile, left + i * depth, out, ldc);
        continue;
      }
      std::array<double, kPanel * kTileRows> edge{};
      tile_kernels().multiply(depth, tile, left + i * depth, edge.data(), kTileRows);
      for (std::int64_t r = 0; r < std::min(kPanel, rows - i); ++r) {
        for (std::int64_t s = 0; s < std::min(kTileRows, columns - j); ++s)
          out[r * ldc + s] += edge[r * kTileRows + s];
      }
    }
  }
}

void scale(std::int64_t m, std::int64_t n, double beta, double* c, std::int64_t ldc) {
  if (beta == 1.0) return;
  for (std::int64_t i = 0; i < m; ++i) {
    double* row = c + i * ldc;
    for (std::int64_t j = 0; j < n; ++j) row[j] = beta == 0.0 ? 0.0 : beta * row[j];
  }
}

std::unique_ptr<double[]> allocate(std::int64_t size) {
  return std::make_unique_for_overwrite<double[]>(static_cast<std::size_t>(size));
}

}  // namespace

void gemm(bool transpose_a, bool transpose_b, std::int64_t m, std::int64_t n, std::int64_t k, double alpha,
          const double* a, std::int64_t lda, const double* b, std::int64_t ldb, double beta, double* c,
          std::int64_t ldc) {
  if (m == 0 || n == 0) return;
  scale(m, n, beta, c, ldc);
  const Source left{a, lda, !transpose_a};
  const Source right{b, ldb, transpose_b};
  const std::int64_t deepest = std::min(k, kDepth);
  const auto packed_left = allocate(deepest * std::min(round_up(m, kPanel), kRows));
  const auto packed_right = allocate(deepest * std::min(round_up(n, kTileRows), kColumns));
  for (std::int64_t j = 0; j < n; j += kColumns) {
    const std::int64_t columns = std::min(kColumns, n - j);
    for (std::int64_t first = 0; first < k; first += kDepth) {
      const std::int64_t depth = std::min(kDepth, k - first);
      pack({right.at(first, j), ldb, right.along_k}, depth, columns, round_up(columns, kTileRows), 1.0,
           packed_right.get());
      for (std::int64_t i = 0; i < m; i += kRows) {
        const std::int64_t rows = std::min(kRows, m - i);
        pack({left.at(first, i), lda, left.along_k}, depth, rows, round_up(rows, kPanel), alpha,
             packed_left.get());
        add_product(depth, packed_left.get(), rows, packed_right.get(), columns, c + i * ldc + j, ldc);
      }
    }
  }
}

}  // namespace armorm::linear::dense
