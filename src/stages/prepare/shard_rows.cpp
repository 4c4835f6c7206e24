#include "stages/prepare/shard_rows.h"

#include <numeric>

#include "core/numpy_random.h"

namespace armorm::stages::prepare {

std::vector<std::int64_t> all_rows(std::int64_t n) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

std::vector<bool> ShardRows::wanted() const {
  std::vector<bool> flags(position_of.size());
  for (const std::int64_t row : row_ids) flags[static_cast<std::size_t>(row)] = true;
  return flags;
}

ShardRows select_shard(std::int64_t split_rows, const std::vector<std::int64_t>& candidates, bool shuffle,
                       std::int64_t n_shards, std::int64_t shard_idx, std::uint64_t seed) {
  const auto n = static_cast<std::int64_t>(candidates.size());
  const std::vector<std::int64_t> order = shuffle ? pcg64_permutation(seed, n) : std::vector<std::int64_t>();
  const ShardRange range = shard_range(n, n_shards, shard_idx - 1);
  ShardRows shard;
  shard.position_of.assign(static_cast<std::size_t>(split_rows), -1);
  for (std::int64_t i = range.begin; i < range.end; ++i) {
    const std::int64_t candidate = shuffle ? order[static_cast<std::size_t>(i)] : i;
    const std::int64_t row = candidates[static_cast<std::size_t>(candidate)];
    shard.position_of[static_cast<std::size_t>(row)] = i - range.begin;
    shard.row_ids.push_back(row);
  }
  return shard;
}

}  // namespace armorm::stages::prepare
