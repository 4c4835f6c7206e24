#include "linear/border_products.h"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>

#include "linear/dense/tile_kernel.h"
#include "linear/row_chunk.h"

namespace armorm::linear {

using dense::GroupProducts;
using dense::IntegerColumns;
using dense::kGroup;
using dense::kPanel;
using dense::kPanelStride;
using dense::kTileRows;
using dense::kTileSize;

namespace {

std::int64_t panels_for(std::int64_t n_columns) { return (n_columns + kPanel - 1) / kPanel; }

}  // namespace

std::int64_t BorderProducts::n_tiles() const { return (n_features_ + kTileRows - 1) / kTileRows; }

const double* BorderProducts::label_panel(std::int64_t panel) const {
  return packed_ + (first_label_ / kPanel + panel) * kPanelStride;
}

double* BorderProducts::products(std::int64_t panel, std::int64_t tile) {
  return products_.data() + (panel * n_tiles() + tile) * kTileSize;
}
const double* BorderProducts::products(std::int64_t panel, std::int64_t tile) const {
  return products_.data() + (panel * n_tiles() + tile) * kTileSize;
}

double BorderProducts::of_wide(std::int64_t wide, std::int64_t feature) const {
  const double* tile = products(n_label_panels_ + wide / kPanel, feature / kTileRows);
  return tile[wide % kPanel * kTileRows + feature % kTileRows];
}

void BorderProducts::reset(const Chunk<BFloat16>& chunk, const IntegerColumns& integers,
                           const double* packed) {
  const Columns& columns = chunk.target->columns;
  rows_ = chunk.rows;
  n_features_ = columns.n_features;
  first_label_ = columns.first_label();
  n_label_panels_ = panels_for(columns.count() - first_label_);
  packed_ = packed;
  wide_.clear();
  first_wide_.clear();
  for (std::int64_t b = 0; b < integers.n_groups(); ++b) {
    first_wide_.push_back(n_wide());
    for (std::uint32_t bits = integers.group(b).wide; bits != 0; bits &= bits - 1)
      wide_.push_back(b * kGroup + std::countr_zero(bits));
  }
  const std::int64_t n_wide_panels = panels_for(n_wide());
  wide_panels_.assign(static_cast<std::size_t>(n_wide_panels * kPanelStride), 0.0);
  for (std::int64_t w = 0; w < n_wide(); ++w) {
    double* out = wide_panels_.data() + w / kPanel * kPanelStride + w % kPanel;
    for (std::size_t r = 0; r < rows_.size(); ++r) out[r * kPanel] = to_double(rows_[r][wide_[w]]);
  }
  products_.resize(static_cast<std::size_t>((n_label_panels_ + n_wide_panels) * n_tiles() * kTileSize));
}

void BorderProducts::multiply(std::int64_t begin, std::int64_t end) {
  const auto n_rows = static_cast<std::int64_t>(rows_.size());
  std::vector<double> features(static_cast<std::size_t>(dense::kTilePanels * kPanelStride));
  for (std::int64_t first = begin; first < std::min(end, n_features_); first += kTileRows) {
    const std::int64_t last = std::min(first + kTileRows, n_features_);
    if (last < first + kTileRows) std::fill(features.begin(), features.end(), 0.0);
    dense::pack(rows_, first, last, features.data());
    for (std::int64_t panel = 0; panel < n_label_panels_ + panels_for(n_wide()); ++panel) {
      const double* right = panel < n_label_panels_
                                ? label_panel(panel)
                                : wide_panels_.data() + (panel - n_label_panels_) * kPanelStride;
      double* out = products(panel, first / kTileRows);
      std::fill_n(out, kTileSize, 0.0);
      dense::tile_kernels().multiply(n_rows, {features.data(), kPanel, kPanelStride}, right, out, kTileRows);
    }
  }
}

void BorderProducts::put_wide(const IntegerColumns& integers, std::int64_t left, std::int64_t right,
                              GroupProducts& replaced) const {
  std::int64_t wide = first_wide_[left];
  for (std::uint32_t bits = integers.group(left).wide; bits != 0; bits &= bits - 1, ++wide) {
    for (std::int64_t j = 0; j < integers.width_of(right); ++j)
      replaced[j * kGroup + std::countr_zero(bits)] = of_wide(wide, right * kGroup + j);
  }
  wide = first_wide_[right];
  for (std::uint32_t bits = integers.group(right).wide; bits != 0; bits &= bits - 1, ++wide) {
    for (std::int64_t i = 0; i < integers.width_of(left); ++i)
      replaced[std::countr_zero(bits) * kGroup + i] = of_wide(wide, left * kGroup + i);
  }
}

void BorderProducts::add_labels(std::int64_t begin, std::int64_t end, dense::TileMatrix& sums) const {
  for (std::int64_t panel = 0; panel < n_label_panels_; ++panel) {
    const std::int64_t row = first_label_ + panel * kPanel;
    if (row >= begin && row < end) add_label_panel(panel, sums);
  }
}

// One panel of labels with all features, then with the labels up to it.
void BorderProducts::add_label_panel(std::int64_t panel, dense::TileMatrix& sums) const {
  const std::int64_t row = first_label_ + panel * kPanel;
  const auto column = [&](std::int64_t j) {
    return sums.tile(row / kTileRows, j / kPanel) + j % kPanel * kTileRows + row % kTileRows;
  };
  for (std::int64_t j = 0; j < n_features_; ++j) {
    const double* values = products(panel, j / kTileRows) + j % kTileRows;
    double* out = column(j);
    for (std::int64_t i = 0; i < kPanel; ++i) out[i] += values[i * kTileRows];
  }
  for (std::int64_t other = 0; other <= panel; ++other) {
    // The kernel multiplies three panels; the panel stands for all of them.
    std::array<double, kTileSize> values{};
    dense::tile_kernels().multiply(static_cast<std::int64_t>(rows_.size()), {label_panel(panel), kPanel, 0},
                                   label_panel(other), values.data(), kTileRows);
    for (std::int64_t j = 0; j < kPanel; ++j) {
      double* out = column(first_label_ + other * kPanel + j);
      for (std::int64_t i = 0; i < kPanel; ++i) out[i] += values[j * kTileRows + i];
    }
  }
}

}  // namespace armorm::linear
