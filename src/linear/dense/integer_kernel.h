// The inner loops of IntegerColumns for one group of columns: digits of bfloat16 columns and products of
// digits.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/dtype.h"
#include "linear/dense/gram_kernel.h"

namespace armorm::linear::dense {

// How the sums of products of bfloat16 columns are computed. All have the same bits; `integers` is portable
// and slow.
enum class GramKernel { float64, integers, amx };
bool is_supported(GramKernel kernel) noexcept;
std::string_view name_of(GramKernel kernel) noexcept;
GramKernel best_gram_kernel() noexcept;

// Holds the tile registers of this thread, if the kernel has any.
class TileScope {
 public:
  explicit TileScope(GramKernel kernel) noexcept;
  ~TileScope();
  TileScope(const TileScope&) = delete;
  TileScope& operator=(const TileScope&) = delete;

 private:
  bool active_;
};

inline constexpr std::int64_t kGroup = 16;     // columns of a tile register, and lanes of a vector
inline constexpr std::int64_t kStepRows = 64;  // rows of a tile register
inline constexpr std::int64_t kDigits = 3;
inline constexpr std::int64_t kLevels = 2 * kDigits - 1;
inline constexpr std::int64_t kPlaneBytes = kBlockRows * kGroup;
inline constexpr std::int64_t kGroupBytes = kDigits * kPlaneBytes;
inline constexpr int kGridBits = 22;             // |t| < 2^kGridBits
inline constexpr std::int32_t kMaxResidues = 8;  // of a column; with more it is wide

using GroupScale = std::array<double, kGroup>;
using GroupProducts = std::array<double, kGroup * kGroup>;
using LevelProducts = std::array<std::int32_t, kLevels * kGroup * kGroup>;

struct Residue {
  std::int32_t row = 0;
  std::int32_t column = 0;  // in its group
  double value = 0.0;
};

// x = t 2^exponent for bfloat16 numbers whose bits without the sign are zero or at least `threshold`.
struct GroupGrid {
  std::array<std::int32_t, kGroup> exponent;
  std::array<std::int32_t, kGroup> threshold;
};

// What the digits of a group show of its columns.
struct FoundInGroup {
  std::array<float, kGroup> square{};       // Σ (x 2^-exponent)², residues included
  std::array<std::int32_t, kGroup> bits{};  // all t joined by `or`
  std::array<std::int32_t, kGroup> n_residues{};
  std::array<Residue, kGroup * kMaxResidues> residues;  // without values, the first kMaxResidues of a column
  std::size_t n_kept = 0;

  void add_residue(std::int64_t row, std::int64_t column) {
    if (n_residues[static_cast<std::size_t>(column)]++ < kMaxResidues)
      residues[n_kept++] = {static_cast<std::int32_t>(row), static_cast<std::int32_t>(column), 0.0};
  }
};

// Rows of columns [first, first + width), width <= kGroup.
struct GroupRows {
  std::span<const BFloat16* const> rows;
  std::int64_t first;
  std::int64_t width;
};

// out[j][i] = Σ_k x(k, i of left) x(k, j of right)
struct Combination {
  const LevelProducts* levels;
  const GroupScale* left;
  const GroupScale* right;
  GroupProducts* out;
};

struct IntegerKernels {
  // Largest bits without the sign of each column; zero beyond the width.
  void (*maxima)(const GroupRows& group, std::uint16_t* out);
  // bytes[d2, d1, d0][row / 4][column][row % 4], zero up to full steps of rows.
  void (*digits)(const GroupRows& group, const GroupGrid& grid, std::int8_t* bytes, FoundInGroup& found);
  // What products() reads of the right group, if not `bytes`: [d2, d1, d0][row / 64][column][row % 64]. May
  // be null.
  void (*transpose)(std::int64_t n_rows, const std::int8_t* bytes, std::int8_t* transposed);
  // out[level][j][i] = Σ_k Σ d_a(k, i of left) d_b(k, j of right) over a + b = kLevels - 1 - level. Meanwhile
  // makes the combination of other products, if it is not null.
  void (*products)(std::int64_t n_rows, const std::int8_t* left, const std::int8_t* right,
                   const Combination* pending, LevelProducts& out);
  void (*combine)(const Combination& combination);
  // y[kTileRows j + i] += x[kGroup j + i] for i, j < kPanel
  void (*add_panel)(const double* x, double* y);
};
const IntegerKernels& integer_kernels(GramKernel kernel) noexcept;  // not for float64

}  // namespace armorm::linear::dense
