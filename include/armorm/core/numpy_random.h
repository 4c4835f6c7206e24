// NumPy's generators, bit for bit, for the permutations that decide splits and shards.
#pragma once

#include <cstdint>
#include <vector>

namespace armorm {

// numpy.random.default_rng(seed).permutation(n): PCG64 seeded through SeedSequence. This is the order of
// datasets.Dataset.shuffle(seed).
std::vector<std::int64_t> pcg64_permutation(std::uint64_t seed, std::int64_t n);

// numpy.random.RandomState(seed).permutation(n): MT19937. This is the order of
// sklearn.model_selection.train_test_split(random_state=seed).
std::vector<std::int64_t> mt19937_permutation(std::uint32_t seed, std::int64_t n);

struct Split {
  std::vector<std::int64_t> train;
  std::vector<std::int64_t> validation;
};

// sklearn's train_test_split(range(n), test_size=0.2, random_state=seed): the first ceil(test_size * n) of the
// permutation are validation, the rest train. Requires 0 < test_size < 1 and both parts non-empty, else a data
// error that says how many rows are needed.
Split train_test_split(std::int64_t n, double test_size, std::uint32_t seed);

// Rows [begin, end) of shard `index` (0-based) of datasets.Dataset.shard(contiguous=True): the first n % n_shards
// shards are one row longer.
struct ShardRange {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};
ShardRange shard_range(std::int64_t n, std::int64_t n_shards, std::int64_t index);

}  // namespace armorm
