// Selects the rows of a split that one process computes.
#pragma once

#include <cstdint>
#include <vector>

namespace armorm::stages::prepare {

struct ShardRows {
  std::vector<std::int64_t> row_ids;      // output position -> row of the split
  std::vector<std::int64_t> position_of;  // row of the split -> output position, -1 = not in this shard

  std::vector<bool> wanted() const;  // indexed by row of the split
};

// 0 ... n - 1
std::vector<std::int64_t> all_rows(std::int64_t n);

// `candidates`: the eligible rows of the split, ascending. With `shuffle` they are first ordered as by
// datasets.Dataset.shuffle(seed); the shard is the contiguous block shard_idx (1-based) of n_shards.
ShardRows select_shard(std::int64_t split_rows, const std::vector<std::int64_t>& candidates, bool shuffle,
                       std::int64_t n_shards, std::int64_t shard_idx, std::uint64_t seed = 0);

}  // namespace armorm::stages::prepare
