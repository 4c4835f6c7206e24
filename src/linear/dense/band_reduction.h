// Reduces a symmetric matrix to a band by orthogonal steps, with one pass over the matrix per kBand columns.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "linear/dense/gram_kernel.h"
#include "linear/dense/large_array.h"

namespace armorm::linear::dense {

inline constexpr std::int64_t kBand = 32;

// I - V T V' on rows [first, n).
struct BlockReflector {
  std::int64_t first = 0;
  double* v = nullptr;    // [kBand, n - first], one vector after another
  std::vector<double> t;  // [kBand, kBand], upper triangular
};

// G = Q B Q' with B of half-width kBand (Golub and Van Loan, Matrix Computations, 8.3). A step makes the
// reflector of a panel of kBand columns, which turns the trailing matrix S into S - V W' - W V'; the next W
// needs the next S V. One pass does both to a row of tiles while it is in the cache: the update of a step is
// delayed until the next reflector is known, and only the panel that this reflector is made from is updated
// earlier.
class BandReduction {
 public:
  // g [n, n], row-major, lower triangle read.
  BandReduction(std::span<const double> g, std::int64_t n);

  std::vector<double> band;                // element (j + d, j) of B at j (kBand + 1) + d
  std::vector<BlockReflector> reflectors;  // Q is the product of the reflectors
  LargeArray vectors;                      // memory of the reflectors' v

 private:
  using Small = std::array<double, kBand * kBand>;
  using Taus = std::array<double, kBand>;

  void load(std::span<const double> g);
  void reduce_panel(std::int64_t first);
  void keep_diagonal_block(std::int64_t first);
  double* take_panel(std::int64_t first);
  Taus factor_panel(std::int64_t first, double* panel);
  void lay_out(const BlockReflector& reflector);
  std::vector<double> triangle(const Taus& taus, std::int64_t first) const;
  void update(std::int64_t tile, std::int64_t first_panel, std::int64_t end_panel);
  void update_columns(std::int64_t first);
  void sweep(std::int64_t first);
  void multiply(std::int64_t tile, std::int64_t first_panel);
  void make_update(const BlockReflector& reflector);
  void lay_out_update(std::int64_t begin);
  const double* v(std::int64_t k) const { return products_.data() + (kBand + k) * padded_; }
  // out[j, i] = v_i . right_j over the rows from `begin` on.
  Small dots_with_v(const double* right, std::int64_t begin) const;

  std::int64_t n_;
  std::int64_t padded_;  // n rounded up to full tiles; elements beyond n are zero
  double* free_vectors_ = nullptr;
  TileMatrix s_;                    // diagonal blocks hold both triangles
  bool updating_ = false;           // left_ and right_ are not yet added
  std::vector<double> v_rows_;      // V [kBand / 8, padded, 8]
  std::vector<double> products_;    // S V, then V [2 kBand, padded]
  std::vector<double> transposed_;  // the part of S V from above the diagonal [padded, kBand]
  std::vector<double> w_;           // [kBand, padded]
  std::vector<double> left_;        // V and W [padded / 8, 2 kBand, 8]
  std::vector<double> right_;       // -W and -V, in the layout of left_
};

}  // namespace armorm::linear::dense
