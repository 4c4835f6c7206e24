// The inner loops of every float64 matrix product here, for the widest vectors of the processor.
//
// Every element of a product is one chain of fused multiply-adds over k in its order, then one addition to
// the previous value; vector width only decides which elements are computed together. The other kernels fuse
// every multiplication with its addition as well, and the order of dot() does not depend on the width. So the
// bits are the same on every processor.
#pragma once

#include <cstdint>
#include <string_view>

namespace armorm::linear::dense {

enum class InstructionSet { portable, avx2, avx512 };
bool is_supported(InstructionSet set) noexcept;
std::string_view name_of(InstructionSet set) noexcept;
InstructionSet best_instruction_set() noexcept;

inline constexpr std::int64_t kPanel = 8;  // doubles in a cache line
inline constexpr std::int64_t kTilePanels = 3;
inline constexpr std::int64_t kTileRows = kPanel * kTilePanels;
inline constexpr std::int64_t kDotRows = 2 * kPanel;

// The left factor: element (i, k) at data[k * step + (i / 8) * panel + i % 8]. Packed panels, full tiles and
// matrices with contiguous rows all have this form.
struct LeftFactor {
  const double* data;
  std::int64_t step;
  std::int64_t panel;
};

struct TileKernels {
  // c[j * stride + i] += Σ_k a(i, k) b[k * 8 + j] for i < kTileRows, j < kPanel, k < n.
  void (*multiply)(std::int64_t n, const LeftFactor& a, const double* b, double* c, std::int64_t stride);
  // c[j * stride + i] += Σ_k a(i, k) b[j * b_stride + k] for i < kDotRows, j < kPanel, k < n.
  void (*dots)(std::int64_t n, const LeftFactor& a, const double* b, std::int64_t b_stride, double* c,
               std::int64_t stride);
  // Σ_i x[i] y[i]: 32 chains, each of every 32nd element, then added in halves.
  double (*dot)(std::int64_t n, const double* x, const double* y);
  // y += factor x.
  void (*add_multiple)(std::int64_t n, double factor, const double* x, double* y);
};

const TileKernels& tile_kernels(InstructionSet set) noexcept;
const TileKernels& tile_kernels() noexcept;  // kernels for the best instruction set of the processor

}  // namespace armorm::linear::dense
