// Rows gathered from a block into float64, a few hundred at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "core/matrix_view.h"

namespace armorm::linear {

inline constexpr std::size_t kChunkRows = 256;

inline double to_double(BFloat16 value) { return static_cast<double>(value.to_float()); }
inline double to_double(float value) { return static_cast<double>(value); }

// Copies rows [indices.size(), D] of the block as float64.
template <class T>
std::vector<double> gather_rows(MatrixView<const T> block, std::span<const std::int64_t> indices) {
  const auto n = static_cast<std::size_t>(block.cols);
  std::vector<double> rows(indices.size() * n);
  for (std::size_t r = 0; r < indices.size(); ++r) {
    const T* row = block.row(indices[r]).data();
    for (std::size_t j = 0; j < n; ++j) rows[r * n + j] = to_double(row[j]);
  }
  return rows;
}

}  // namespace armorm::linear
