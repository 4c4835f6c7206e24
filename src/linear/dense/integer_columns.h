// XᵀX of a block of bfloat16 rows in integers, with the bits of the float64 products.
//
// In a block of rows most columns span few binades. The elements of such a column are t 2^u with integers |t|
// < 2^22, and t is three digits of 8 bits: t = d2 2^16 + d1 2^8 + d0 with -128 <= d <= 127. Products of
// digits are summed exactly in 32 bits, those of the same power of two together.
//
// Elements below the grid of their column are residues; their products are added in float64.
//
// Why the bits are those of accumulate() (gram_kernel.h), which rounds after every row. Let the elements of
// column i be multiples of 2^l_i, and N_i its norm. The sum of any of the products x_ki x_kj, k < n, is a
// multiple of 2^(l_i + l_j) and, by Cauchy and Schwarz, at most N_i N_j. If N_i N_j <= 2^(53 + l_i + l_j),
// all these sums are float64 numbers, so neither accumulate() nor any other order rounds. Columns with N_i <
// 2^(26.49 + l_i) are narrow; the condition holds for every two of them. The caller takes the sums of all
// other columns, the wide ones, in float64.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/dtype.h"
#include "linear/dense/gram_kernel.h"
#include "linear/dense/integer_kernel.h"
#include "linear/dense/large_array.h"

namespace armorm::linear::dense {

// At most kBlockRows rows. Several threads may pack and multiply different groups of columns.
class IntegerColumns {
 public:
  struct Group {
    std::uint32_t wide = 0;         // bit c: column c is wide
    bool finite = true;             // otherwise multiply() must not be used at all
    std::vector<Residue> residues;  // of narrow columns
    GroupScale scale{};             // 2^u
  };

  // Before everything else; keeps the memory if it suffices.
  void reserve(GramKernel kernel, std::int64_t n_columns);
  std::int64_t n_groups() const noexcept { return (n_columns_ + kGroup - 1) / kGroup; }
  const Group& group(std::int64_t g) const noexcept { return groups_[static_cast<std::size_t>(g)]; }
  std::int64_t width_of(std::int64_t group) const noexcept;
  bool all_finite() const noexcept;
  std::int64_t n_wide() const noexcept;

  void pack(std::span<const BFloat16* const> rows, std::int64_t group);
  // Calls use(n, products) for each pair n, where products[j kGroup + i] = Σ_k x(k, column i of left) x(k,
  // column j of right); undefined for wide columns. Pairs with the same right group should be neighbours.
  struct Pair {
    std::int64_t left;
    std::int64_t right;
  };
  using Use = std::function<void(std::size_t n, GroupProducts& products)>;
  void multiply(std::span<const BFloat16* const> rows, std::span<const Pair> pairs, const Use& use) const;

 private:
  void find_wide(std::span<const BFloat16* const> rows, std::int64_t group, const GroupGrid& grid,
                 const FoundInGroup& found);
  void add_residues(std::span<const BFloat16* const> rows, const Pair& pair, GroupProducts& out) const;

  GramKernel kernel_ = GramKernel::float64;
  std::int64_t n_columns_ = 0;
  std::vector<Group> groups_;
  LargeArray bytes_;       // kGroupBytes for each group
  LargeArray transposed_;  // the same, where the kernel wants it
};

// Where products belong in a TileMatrix: rows from first_row and columns from first_column on, those below
// `end`. All are multiples of kPanel.
struct GroupPlace {
  std::int64_t first_row;
  std::int64_t first_column;
  std::int64_t end;
};
void add_to_tiles(const GroupProducts& products, const GroupPlace& place, TileMatrix& sums);
// Fetches the elements that add_to_tiles() will change.
void prefetch_tiles(const GroupPlace& place, TileMatrix& sums);

}  // namespace armorm::linear::dense
