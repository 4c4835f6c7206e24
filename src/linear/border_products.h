// The products of a chunk that are taken in float64 although its features are multiplied in integers: those
// of labels and of wide columns (integer_columns.h) with all features. Their bits are those of accumulate().
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "linear/chunk.h"
#include "linear/dense/integer_columns.h"

namespace armorm::linear {

class BorderProducts {
 public:
  // `packed`: the chunk's panels, of which those from the first label on are read. Called once for a chunk,
  // before everything else.
  void reset(const Chunk<BFloat16>& chunk, const dense::IntegerColumns& integers, const double* packed);
  std::int64_t n_wide() const noexcept { return static_cast<std::int64_t>(wide_.size()); }

  // Multiplies features [begin, end) with all labels and wide columns; begin is a multiple of kTileRows.
  // Several threads may multiply different features.
  void multiply(std::int64_t begin, std::int64_t end);
  // Replaces products of wide columns.
  void put_wide(const dense::IntegerColumns& integers, std::int64_t left, std::int64_t right,
                dense::GroupProducts& replaced) const;
  // Adds the rows [begin, end) of sums that belong to labels.
  void add_labels(std::int64_t begin, std::int64_t end, dense::TileMatrix& sums) const;

 private:
  std::int64_t n_tiles() const;
  const double* label_panel(std::int64_t panel) const;
  // Products of border panel and feature tile: element (feature, column of the panel) at column * kTileRows +
  // feature.
  double* products(std::int64_t panel, std::int64_t tile);
  const double* products(std::int64_t panel, std::int64_t tile) const;
  double of_wide(std::int64_t wide, std::int64_t feature) const;
  void add_label_panel(std::int64_t panel, dense::TileMatrix& sums) const;

  std::span<const BFloat16* const> rows_;
  std::int64_t n_features_ = 0;
  std::int64_t first_label_ = 0;
  std::int64_t n_label_panels_ = 0;
  const double* packed_ = nullptr;
  std::vector<std::int64_t> wide_;        // ascending
  std::vector<std::int64_t> first_wide_;  // of each block, index into wide_
  std::vector<double> wide_panels_;
  std::vector<double> products_;  // [label panels, then wide panels][tiles][kTileSize]
};

}  // namespace armorm::linear
