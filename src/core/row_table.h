// Rows of bfloat16 in blocks that need not follow each other in memory, like the shards of a set.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "core/matrix_view.h"

namespace armorm {

// Owns nothing.
class RowTable {
 public:
  RowTable() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a matrix is a table of one block
  RowTable(MatrixView<const BFloat16> block) { add(block); }
  RowTable(const BFloat16* data, std::int64_t rows, std::int64_t cols) { add({data, rows, cols}); }

  // All blocks have the same number of columns.
  void add(MatrixView<const BFloat16> block) {
    blocks_.push_back(block);
    ends_.push_back(rows() + block.rows);
  }

  std::int64_t rows() const { return ends_.empty() ? 0 : ends_.back(); }
  std::int64_t cols() const { return blocks_.empty() ? 0 : blocks_.front().cols; }
  std::span<const BFloat16> row(std::int64_t r) const {
    const auto block =
        static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), r) - ends_.begin());
    return blocks_[block].row(r - (ends_[block] - blocks_[block].rows));
  }

 private:
  std::vector<MatrixView<const BFloat16>> blocks_;
  std::vector<std::int64_t> ends_;  // of each block, in rows
};

}  // namespace armorm
