// NumPy's random generators, bit for bit, for the permutations of splits and shards.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace armorm {

// numpy.random.default_rng(seed).permutation(n): PCG64 seeded through SeedSequence. The order of
// datasets.Dataset.shuffle(seed).
std::vector<std::int64_t> pcg64_permutation(std::uint64_t seed, std::int64_t n);

// numpy.random.RandomState(seed).permutation(n): MT19937. The order of
// sklearn.model_selection.train_test_split(random_state=seed).
std::vector<std::int64_t> mt19937_permutation(std::uint32_t seed, std::int64_t n);

struct Split {
  std::vector<std::int64_t> train;
  std::vector<std::int64_t> validation;
};

// sklearn's train_test_split(range(n), test_size=0.2, random_state=seed): the first ceil(test_size * n) of
// the permutation are validation rows, the rest training rows. Requires 0 < test_size < 1 and both sides
// non-empty, else a data error that says how many rows are needed.
Split train_test_split(std::int64_t n, double test_size, std::uint32_t seed);

// sklearn's GroupShuffleSplit(n_splits=1, test_size, random_state=seed): all rows of a group are on the same
// side. groups [n] holds arbitrary numbers; their sorted distinct values are split like the rows above. Rows
// are in ascending order.
Split group_train_test_split(std::span<const std::int64_t> groups, double test_size, std::uint32_t seed);

// The fold in [0, n_folds) of each row, by sklearn's KFold(n_folds, shuffle=True, random_state=seed). usage
// error unless 2 <= n_folds <= n.
std::vector<std::int64_t> kfold_assignment(std::int64_t n, std::int64_t n_folds, std::uint32_t seed);

// Rows [begin, end) of shard `index` (0-based) of datasets.Dataset.shard(contiguous=True): the first n %
// n_shards shards are one row longer.
struct ShardRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
ShardRange shard_range(std::int64_t n, std::int64_t n_shards, std::int64_t index);

}  // namespace armorm
