#include "model/cpu/panel_product.h"

namespace armorm::model::cpu {
namespace {

constexpr std::int64_t kBlockBytes = std::int64_t{1} << 20;  // half of a second-level cache of 2 MB
constexpr std::int64_t kMinRowBlock = 128;                   // below, reading the panels takes too long

std::int64_t rows_per_block(const Rows& x, std::int64_t multiple) {
  const std::int64_t fitting = kBlockBytes / std::max<std::int64_t>(1, 4 * x.words);
  return std::clamp(fitting, kMinRowBlock, kMaxRowBlock) / multiple * multiple;
}

// [rows, words] -> [rows / kGroupRows, words, kGroupRows] words.
void pack_groups(const std::byte* from, std::int64_t stride, std::int64_t rows, std::int64_t words,
                 std::uint32_t* to) {
  const std::int64_t groups = (rows + kGroupRows - 1) / kGroupRows;
  at::parallel_for(0, groups, 8, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t group = begin; group < end; ++group) {
      const std::byte* x = from + group * kGroupRows * stride;
      const std::int64_t count = std::min(kGroupRows, rows - group * kGroupRows);
      std::uint32_t* out = to + group * kGroupRows * words;
      for (std::int64_t k = 0; k < words; ++k, x += 4, out += kGroupRows)
        for (std::int64_t r = 0; r < count; ++r) std::memcpy(out + r, x + r * stride, 4);
    }
  });
}

std::vector<RowBlock> split_packed(const Rows& x, std::int64_t most) {
  std::vector<RowBlock> blocks;
  const std::int64_t n_blocks = (x.count + most - 1) / most;
  const std::int64_t size = round_up((x.count + n_blocks - 1) / n_blocks, kGroupRows);
  for (std::int64_t row = 0; row < x.count; row += size) {
    const std::int64_t rows = std::min(size, x.count - row);
    blocks.push_back({x.data + row / kGroupRows * x.group, x.stride, rows, rows, row, x.step, x.group});
  }
  return blocks;
}

}  // namespace

Rows rows_for(const PanelKernel& kernel, const at::Tensor& x) {
  const auto size = static_cast<std::int64_t>(x.element_size());
  const std::int64_t words = x.size(1) * size / 4;
  const auto* data = static_cast<const std::byte*>(x.const_data_ptr());
  if (!kernel.packs_rows || x.size(0) < kGroupRows) return {x, data, x.stride(0) * size, x.size(0), words};
  const at::Tensor packed = at::empty({round_up(x.size(0), kGroupRows) * words}, at::kInt);
  pack_groups(data, x.stride(0) * size, x.size(0), words,
              static_cast<std::uint32_t*>(packed.mutable_data_ptr()));
  return {packed,
          static_cast<const std::byte*>(packed.const_data_ptr()),
          4,
          x.size(0),
          words,
          4 * kGroupRows,
          4 * kGroupRows * words};
}

std::vector<RowBlock> split_rows(const Rows& x, const PanelKernel& kernel, std::vector<std::byte>& tail) {
  if (x.group > 0) return split_packed(x, rows_per_block(x, kGroupRows));
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
