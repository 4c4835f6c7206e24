#include "model/cpu/panel_product.h"

namespace armorm::model::cpu {
namespace {

constexpr std::int64_t kBlockBytes = std::int64_t{1} << 20;  // half of a second-level cache of 2 MB
constexpr std::int64_t kMinRowBlock = 128;                   // below, reading the panels takes too long

std::int64_t rows_per_block(const Rows& x, std::int64_t multiple) {
  const std::int64_t fitting = kBlockBytes / std::max<std::int64_t>(1, 4 * x.words);
  return std::clamp(fitting / multiple * multiple, kMinRowBlock, kMaxRowBlock);
}

}  // namespace

std::vector<RowBlock> split_rows(const Rows& x, const PanelKernel& kernel, std::vector<std::byte>& tail) {
  const std::int64_t multiple = kernel.row_multiple;
  const std::int64_t full = x.count / multiple * multiple;
  const std::int64_t most = rows_per_block(x, multiple);
  const std::int64_t n_blocks = (full + most - 1) / most;
  const std::int64_t size = n_blocks > 0 ? round_up((full + n_blocks - 1) / n_blocks, multiple) : 0;
  std::vector<RowBlock> blocks;
  for (std::int64_t row = 0; row < full; row += size) {
    const std::int64_t rows = std::min(size, full - row);
    blocks.push_back({x.data + row * x.stride, x.stride, rows, rows, row});
  }
  if (full == x.count) return blocks;
  const std::int64_t bytes = 4 * x.words;
  tail.assign(static_cast<std::size_t>(multiple * bytes), std::byte{0});
  for (std::int64_t row = full; row < x.count; ++row)
    std::memcpy(tail.data() + (row - full) * bytes, x.data + row * x.stride, static_cast<std::size_t>(bytes));
  blocks.push_back({tail.data(), bytes, multiple, x.count - full, full});
  return blocks;
}

}  // namespace armorm::model::cpu
