// Rows that are summed together, and the sums that they are added to.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "linear/dense/gram_kernel.h"

namespace armorm::linear {

// Columns of a packed chunk: the features padded to full panels, then the labels present and a one.
struct Columns {
  std::int64_t n_features = 0;
  std::vector<std::int64_t> attributes;  // of the labels present

  std::int64_t first_label() const {
    return (n_features + dense::kPanel - 1) / dense::kPanel * dense::kPanel;
  }
  std::int64_t one() const { return first_label() + static_cast<std::int64_t>(attributes.size()); }
  std::int64_t count() const { return one() + 1; }
  std::int64_t used() const { return n_features + static_cast<std::int64_t>(attributes.size()) + 1; }
  std::int64_t position(std::int64_t used_column) const {
    return used_column < n_features ? used_column : first_label() + used_column - n_features;
  }
};

// The sums of one row group and label pattern.
struct PatternSums {
  explicit PatternSums(Columns columns_) : columns(std::move(columns_)), sums(columns.count()) {}

  Columns columns;
  dense::TileMatrix sums;
  std::int64_t n_rows = 0;
};

// At most kBlockRows rows of one row group and label pattern.
template <class T>
struct Chunk {
  std::vector<const T*> rows;
  std::vector<std::int64_t> row_numbers;
  std::vector<double> labels;  // [rows, P]
  std::vector<double> weights;
  std::vector<T> kept;  // rows copied out of the caller's block, the first n_kept of `rows`
  std::size_t n_kept = 0;
  PatternSums* target = nullptr;
};

}  // namespace armorm::linear
