// ZᵀWZ for a block of rows, in float64: the inner loops of the ridge accumulation.
//
// A block of up to kBlockRows rows is packed into panels of kPanel columns, [panel][row][kPanel] doubles,
// with zeros in padded columns. The product is kept as the tiles of kTileRows x kPanel that touch the lower
// triangle.
//
// Every element of the product is one chain of fused multiply-adds over the rows of the block in their order,
// then one addition to the sum so far. Vector width and threads only decide which elements are computed
// together, so the result is bit-identical on every processor and with any number of threads.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "linear/dense/large_array.h"
#include "linear/dense/tile_kernel.h"

namespace armorm::linear::dense {

inline constexpr std::int64_t kTileSize = kTileRows * kPanel;
inline constexpr std::int64_t kBlockRows = 384;
inline constexpr std::int64_t kPanelStride = kBlockRows * kPanel;

// The lower tiles of a symmetric matrix of n_panels * kPanel columns. Row tile i covers rows [24 i, 24 i +
// 24) and holds its tiles for column panels 0 .. 3 i + 2 one after another; inside a tile element (row,
// column) is at column * kTileRows + row.
class TileMatrix {
 public:
  TileMatrix() = default;
  explicit TileMatrix(std::int64_t n_columns);

  static std::int64_t row_tiles_for(std::int64_t n_columns) {
    return (n_columns + kTileRows - 1) / kTileRows;
  }
  std::int64_t row_tiles() const noexcept { return row_tiles_; }
  double* tile(std::int64_t row_tile, std::int64_t panel) noexcept {
    return values_.data() + (first_tile(row_tile) + panel) * kTileSize;
  }
  double at(std::int64_t row, std::int64_t column) const noexcept;  // row >= column
  // Copies columns 0 .. n - 1 of a row, n <= row + 1.
  void copy_row(std::int64_t row, std::int64_t n, double* out) const noexcept;

 private:
  static std::int64_t first_tile(std::int64_t row_tile) {
    return kTilePanels * row_tile * (row_tile + 1) / 2;
  }
  std::int64_t row_tiles_ = 0;
  LargeArray values_;
};

// sums += AᵀB for row tiles [begin, end): a and b are packed panels of n_rows rows with kBlockRows capacity;
// a may be b, or b with its rows scaled by the weights.
void accumulate(std::int64_t n_rows, const double* a, const double* b, std::int64_t begin, std::int64_t end,
                TileMatrix& sums);

// Packs columns [begin, end) of the rows to panels of their own, the first at `packed`; begin is a multiple
// of kPanel, and end too or the last column (the rest of its panel is set to zero).
void pack(std::span<const BFloat16* const> rows, std::int64_t begin, std::int64_t end, double* packed);
void pack(std::span<const float* const> rows, std::int64_t begin, std::int64_t end, double* packed);

// The same with a given instruction set; the overload above uses the best one of the processor.
void accumulate(InstructionSet set, std::int64_t n_rows, const double* a, const double* b, std::int64_t begin,
                std::int64_t end, TileMatrix& sums);

}  // namespace armorm::linear::dense
