#include "linear/dense/integer_columns.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace armorm::linear::dense {
namespace {

constexpr std::int32_t kExponentBias = 127;
constexpr std::int32_t kFractionBits = 7;
constexpr std::int32_t kSmallestExponent = -133;  // of the last bit of a bfloat16
constexpr std::uint16_t kNotFinite = 0x7f80;
constexpr double kNarrow = 26.49;

std::int8_t* bytes_of(LargeArray& array) { return reinterpret_cast<std::int8_t*>(array.data()); }
const std::int8_t* bytes_of(const LargeArray& array) {
  return reinterpret_cast<const std::int8_t*>(array.data());
}

// Exponent of the last bit of a bfloat16 with these bits, without the sign.
std::int32_t last_bit(std::int32_t magnitude) {
  return std::max(magnitude >> kFractionBits, 1) - kExponentBias - kFractionBits;
}

// The finest grid on which |t| < 2^kGridBits for a column with this largest magnitude.
void set_grid(std::int64_t column, std::uint16_t largest, GroupGrid& grid) {
  const std::int32_t exponent = last_bit(largest) + kFractionBits + 1 - kGridBits;
  const std::int32_t first =
      exponent + kExponentBias + kFractionBits;  // exponent bits of the smallest number on it
  grid.exponent[column] = exponent;
  grid.threshold[column] = exponent <= kSmallestExponent ? 0 : first << kFractionBits;
}

// Calls use(i, j, target) for the kPanel x kPanel elements from (i, j) of the products on that have a place
// in the tiles of the lower triangle.
void for_each_panel(const GroupPlace& place, TileMatrix& sums, auto use) {
  for (std::int64_t j = 0; j < std::min(kGroup, place.end - place.first_column); j += kPanel) {
    for (std::int64_t i = 0; i < std::min(kGroup, place.end - place.first_row); i += kPanel) {
      const std::int64_t row = place.first_row + i;
      const std::int64_t panel = (place.first_column + j) / kPanel;
      if (panel < kTilePanels * (row / kTileRows + 1))
        use(i, j, sums.tile(row / kTileRows, panel) + row % kTileRows);
    }
  }
}

}  // namespace

void IntegerColumns::reserve(GramKernel kernel, std::int64_t n_columns) {
  n_columns_ = n_columns;
  if (static_cast<std::int64_t>(groups_.size()) >= n_groups() && kernel == kernel_) return;
  const auto size = static_cast<std::size_t>(n_groups() * kGroupBytes) / sizeof(double);
  groups_.resize(static_cast<std::size_t>(n_groups()));
  bytes_ = LargeArray(size);
  transposed_ = LargeArray(integer_kernels(kernel).transpose != nullptr ? size : 0);
  kernel_ = kernel;
}

bool IntegerColumns::all_finite() const noexcept {
  return std::all_of(groups_.begin(), groups_.begin() + n_groups(), [](const Group& g) { return g.finite; });
}

std::int64_t IntegerColumns::n_wide() const noexcept {
  std::int64_t n = 0;
  for (std::int64_t b = 0; b < n_groups(); ++b) n += std::popcount(group(b).wide);
  return n;
}

std::int64_t IntegerColumns::width_of(std::int64_t group) const noexcept {
  return std::min(kGroup, n_columns_ - group * kGroup);
}

void IntegerColumns::pack(std::span<const BFloat16* const> rows, std::int64_t group) {
  const IntegerKernels& kernels = integer_kernels(kernel_);
  const GroupRows input{rows, group * kGroup, width_of(group)};
  Group& out = groups_[static_cast<std::size_t>(group)];
  std::array<std::uint16_t, kGroup> largest{};
  kernels.maxima(input, largest.data());
  out.finite = *std::max_element(largest.begin(), largest.end()) < kNotFinite;
  if (!out.finite) return;
  GroupGrid grid{};
  for (std::int64_t c = 0; c < kGroup; ++c) {
    set_grid(c, largest[c], grid);
    out.scale[c] = std::ldexp(1.0, grid.exponent[c]);
  }
  FoundInGroup found;
  std::int8_t* bytes = bytes_of(bytes_) + group * kGroupBytes;
  kernels.digits(input, grid, bytes, found);
  if (kernels.transpose != nullptr)
    kernels.transpose(std::ssize(rows), bytes, bytes_of(transposed_) + group * kGroupBytes);
  find_wide(rows, group, grid, found);
}

// Separates narrow columns from wide ones and keeps the residues of the narrow ones.
void IntegerColumns::find_wide(std::span<const BFloat16* const> rows, std::int64_t group,
                               const GroupGrid& grid, const FoundInGroup& found) {
  Group& out = groups_[static_cast<std::size_t>(group)];
  const auto value = [&](const Residue& residue) {
    return rows[residue.row][group * kGroup + residue.column];
  };
  // Exponents of the elements' last bits, in units of the grid.
  std::array<std::int32_t, kGroup> lowest{};
  for (std::int64_t c = 0; c < kGroup; ++c)
    lowest[c] = found.bits[c] == 0 ? 0 : std::countr_zero(static_cast<std::uint32_t>(found.bits[c]));
  const std::span kept(found.residues.data(), found.n_kept);
  for (const Residue& residue : kept) {
    std::int32_t& exponent = lowest[residue.column];
    exponent = std::min(exponent, last_bit(value(residue).bits & 0x7fff) - grid.exponent[residue.column]);
  }
  out.wide = 0;
  for (std::int64_t c = 0; c < kGroup; ++c) {
    // The sum of squares is rounded; a thousandth covers that.
    const double norm = std::sqrt(1.001 * static_cast<double>(found.square[c]));
    const bool narrow = norm < std::exp2(kNarrow + lowest[c]) || norm == 0.0;
    if (!narrow || found.n_residues[c] > kMaxResidues) out.wide |= std::uint32_t{1} << c;
  }
  out.residues.clear();
  for (const Residue& residue : kept) {
    if ((out.wide >> residue.column & 1U) != 0) continue;
    out.residues.push_back({residue.row, residue.column, static_cast<double>(value(residue).to_float())});
  }
}

// The levels of a pair are combined while the next pair is multiplied.
void IntegerColumns::multiply(std::span<const BFloat16* const> rows, std::span<const Pair> pairs,
                              const Use& use) const {
  if (pairs.empty()) return;
  const IntegerKernels& kernels = integer_kernels(kernel_);
  const std::int8_t* of_right = bytes_of(kernels.transpose != nullptr ? transposed_ : bytes_);
  const TileScope scope(kernel_);
  alignas(64) std::array<LevelProducts, 2> levels{};
  alignas(64) GroupProducts products{};
  const auto combination = [&](std::size_t i) {
    return Combination{&levels[i % 2], &group(pairs[i].left).scale, &group(pairs[i].right).scale, &products};
  };
  const auto finish = [&](std::size_t i) {
    add_residues(rows, pairs[i], products);
    use(i, products);
  };
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const Combination previous = combination(i == 0 ? 0 : i - 1);
    kernels.products(std::ssize(rows), bytes_of(bytes_) + pairs[i].left * kGroupBytes,
                     of_right + pairs[i].right * kGroupBytes, i == 0 ? nullptr : &previous, levels[i % 2]);
    if (i > 0) finish(i - 1);
  }
  kernels.combine(combination(pairs.size() - 1));
  finish(pairs.size() - 1);
}

// Products of residues of the left group with all elements of the right one, then of residues of the right
// group with those elements of the left one that are no residues.
void IntegerColumns::add_residues(std::span<const BFloat16* const> rows, const Pair& pair,
                                  GroupProducts& out) const {
  const auto [left, right] = pair;
  const auto to_double = [](BFloat16 x) { return static_cast<double>(x.to_float()); };
  for (const Residue& residue : group(left).residues) {
    const BFloat16* row = rows[residue.row] + right * kGroup;
    double* column = out.data() + residue.column;
    for (std::int64_t j = 0; j < width_of(right); ++j)
      column[j * kGroup] += residue.value * to_double(row[j]);
  }
  for (const Residue& residue : group(right).residues) {
    const BFloat16* row = rows[residue.row] + left * kGroup;
    std::array<double, kGroup> values{};
    for (std::int64_t i = 0; i < width_of(left); ++i) values[i] = to_double(row[i]);
    for (const Residue& other : group(left).residues) {
      if (other.row == residue.row) values[other.column] = 0.0;
    }
    double* sums = out.data() + residue.column * kGroup;
    for (std::int64_t i = 0; i < kGroup; ++i) sums[i] += residue.value * values[i];
  }
}

void add_to_tiles(const GroupProducts& products, const GroupPlace& place, TileMatrix& sums) {
  static const auto add_panel = integer_kernels(best_gram_kernel()).add_panel;
  for_each_panel(place, sums, [&](std::int64_t i, std::int64_t j, double* target) {
    add_panel(products.data() + j * kGroup + i, target);
  });
}

void prefetch_tiles(const GroupPlace& place, TileMatrix& sums) {
  for_each_panel(place, sums, [](std::int64_t, std::int64_t, const double* target) {
    for (std::int64_t j = 0; j < kPanel; ++j) __builtin_prefetch(target + j * kTileRows, 1);
  });
}

}  // namespace armorm::linear::dense
