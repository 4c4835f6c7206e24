// Sources of the algorithms:
//   PCG64 (XSL-RR 128/64): M. E. O'Neill, "PCG: A Family of Simple Fast Space-Efficient Statistically Good
//     Algorithms for Random Number Generation", HMC-CS-2014-0905; seeded by numpy.random.SeedSequence.
//   MT19937: M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998; init_genrand of 2002.
//   Bounded integers: D. Lemire, "Fast Random Integer Generation in an Interval", ACM TOMACS 29(1), 2019
//     (Generator), and masked rejection (RandomState).
//   Both shuffles are Fisher-Yates from the last element down.
#include "core/numpy_random.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace armorm {
namespace {

__extension__ using Uint128 = unsigned __int128;

constexpr std::uint64_t kMaxUint32 = 0xffffffffULL;

// numpy.random.SeedSequence(seed).generate_state(4, uint64), for one non-negative integer of up to 64 bits.
class SeedSequence {
 public:
  explicit SeedSequence(std::uint64_t seed) {
    const std::array<std::uint32_t, kPoolSize> entropy{static_cast<std::uint32_t>(seed),
                                                       static_cast<std::uint32_t>(seed >> 32), 0, 0};
    for (std::size_t i = 0; i < kPoolSize; ++i) pool_[i] = hash(entropy[i]);
    for (std::size_t source = 0; source < kPoolSize; ++source) {
      for (std::size_t target = 0; target < kPoolSize; ++target) {
        if (source != target) pool_[target] = mix(pool_[target], hash(pool_[source]));
      }
    }
  }

  std::array<std::uint64_t, 4> generate_state() const {
    std::array<std::uint64_t, 4> state{};
    std::uint32_t multiplier = 0x8b51f9ddU;
    for (std::size_t i = 0; i < 8; ++i) {
      std::uint32_t value = pool_[i % kPoolSize] ^ multiplier;
      multiplier *= 0x58f38dedU;
      value *= multiplier;
      value ^= value >> 16;
      state[i / 2] |= static_cast<std::uint64_t>(value) << (32 * (i % 2));
    }
    return state;
  }

 private:
  static constexpr std::size_t kPoolSize = 4;

  std::uint32_t hash(std::uint32_t value) {
    value ^= hash_multiplier_;
    hash_multiplier_ *= 0x931e8875U;
    value *= hash_multiplier_;
    return value ^ (value >> 16);
  }
  static std::uint32_t mix(std::uint32_t x, std::uint32_t y) {
    const std::uint32_t result = 0xca01f9ddU * x - 0x4973f715U * y;
    return result ^ (result >> 16);
  }

  std::uint32_t hash_multiplier_ = 0x43b0d7e5U;
  std::array<std::uint32_t, kPoolSize> pool_{};
};

class Pcg64 {
 public:
  explicit Pcg64(std::uint64_t seed) {
    const auto words = SeedSequence(seed).generate_state();
    increment_ = (join(words[2], words[3]) << 1) | 1U;
    step();
    state_ += join(words[0], words[1]);
    step();
  }

  std::uint64_t next64() {
    step();
    const auto folded = static_cast<std::uint64_t>(state_ >> 64) ^ static_cast<std::uint64_t>(state_);
    return std::rotr(folded, static_cast<int>(state_ >> 122));
  }

  // The low half of a 64-bit output is used first, the high half on the next call.
  std::uint32_t next32() {
    if (has_half_) {
      has_half_ = false;
      return half_;
    }
    const std::uint64_t value = next64();
    has_half_ = true;
    half_ = static_cast<std::uint32_t>(value >> 32);
    return static_cast<std::uint32_t>(value);
  }

 private:
  static Uint128 join(std::uint64_t high, std::uint64_t low) { return (Uint128{high} << 64) | low; }

  void step() { state_ = state_ * join(0x2360ed051fc65da4ULL, 0x4385df649fccf645ULL) + increment_; }

  Uint128 state_ = 0;
  Uint128 increment_ = 0;
  bool has_half_ = false;
  std::uint32_t half_ = 0;
};

class Mt19937 {
 public:
  explicit Mt19937(std::uint32_t seed) {
    for (std::uint32_t i = 0; i < kSize; ++i) {
      state_[i] = seed;
      seed = 1812433253U * (seed ^ (seed >> 30)) + i + 1;
    }
  }

  std::uint32_t next32() {
    if (position_ == kSize) refill();
    std::uint32_t y = state_[position_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680U;
    y ^= (y << 15) & 0xefc60000U;
    return y ^ (y >> 18);
  }

  std::uint64_t next64() {
    const std::uint64_t high = next32();
    return (high << 32) | next32();
  }

 private:
  static constexpr std::size_t kSize = 624;
  static constexpr std::size_t kShift = 397;

  void refill() {
    for (std::size_t i = 0; i < kSize; ++i) {
      const std::uint32_t y = (state_[i] & 0x80000000U) | (state_[(i + 1) % kSize] & 0x7fffffffU);
      state_[i] = state_[(i + kShift) % kSize] ^ (y >> 1) ^ ((y & 1U) != 0 ? 0x9908b0dfU : 0U);
    }
    position_ = 0;
  }

  std::array<std::uint32_t, kSize> state_{};
  std::size_t position_ = kSize;
};

// Uniform in [0, bound], by masked rejection; uses 32-bit draws if the bound fits.
template <class BitGenerator>
std::uint64_t bounded(BitGenerator& generator, std::uint64_t bound) {
  const std::uint64_t mask = ~std::uint64_t{0} >> std::countl_zero(bound);
  std::uint64_t value = 0;
  do {
    value = mask & (bound <= kMaxUint32 ? generator.next32() : generator.next64());
  } while (value > bound);
  return value;
}

template <class BitGenerator>
std::vector<std::int64_t> permutation(BitGenerator generator, std::int64_t n) {
  if (n < 0) fail_usage("permutation: n is {}, expected a count >= 0", n);
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), std::int64_t{0});
  for (std::size_t i = order.size(); i-- > 1;) std::swap(order[i], order[bounded(generator, i)]);
  return order;
}

// The smallest n with ceil(test_size * n) < n, with the rounding of the split itself.
std::int64_t rows_needed(double test_size) {
  double n = std::max(2.0, std::floor(1.0 / (1.0 - test_size)) - 1.0);
  while (std::ceil(test_size * n) >= n) n += 1.0;
  return static_cast<std::int64_t>(n);
}

}  // namespace

std::vector<std::int64_t> pcg64_permutation(std::uint64_t seed, std::int64_t n) {
  return permutation(Pcg64(seed), n);
}

std::vector<std::int64_t> mt19937_permutation(std::uint32_t seed, std::int64_t n) {
  return permutation(Mt19937(seed), n);
}

Split train_test_split(std::int64_t n, double test_size, std::uint32_t seed) {
  if (!(test_size > 0.0 && test_size < 1.0)) {
    fail_usage("train_test_split: test_size is {}, expected a fraction between 0 and 1", test_size);
  }
  const double wanted = n > 0 ? std::ceil(test_size * static_cast<double>(n)) : 0.0;
  const auto n_test = static_cast<std::int64_t>(wanted);
  if (n_test < 1 || n_test >= n) {
    fail_data(
        "train_test_split: {} rows (or groups) cannot be split with test_size {}; at least {} are needed", n,
        test_size, rows_needed(test_size));
  }
  const auto order = mt19937_permutation(seed, n);
  const auto middle = order.begin() + n_test;
  return {.train = {middle, order.end()}, .validation = {order.begin(), middle}};
}

Split group_train_test_split(std::span<const std::int64_t> groups, double test_size, std::uint32_t seed) {
  std::vector<std::int64_t> distinct(groups.begin(), groups.end());
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  const Split of_groups = train_test_split(static_cast<std::int64_t>(distinct.size()), test_size, seed);
  std::vector<bool> is_validation(distinct.size());
  for (const std::int64_t group : of_groups.validation) is_validation[static_cast<std::size_t>(group)] = true;
  Split split;
  for (std::size_t row = 0; row < groups.size(); ++row) {
    const auto found = std::lower_bound(distinct.begin(), distinct.end(), groups[row]);
    auto& side =
        is_validation[static_cast<std::size_t>(found - distinct.begin())] ? split.validation : split.train;
    side.push_back(static_cast<std::int64_t>(row));
  }
  return split;
}

std::vector<std::int64_t> kfold_assignment(std::int64_t n, std::int64_t n_folds, std::uint32_t seed) {
  if (n_folds < 2 || n_folds > n) {
    fail_usage("kfold_assignment: {} folds of {} rows, expected 2 folds to one for each row", n_folds, n);
  }
  const auto order = mt19937_permutation(seed, n);
  std::vector<std::int64_t> folds(order.size());
  for (std::int64_t fold = 0; fold < n_folds; ++fold) {
    const ShardRange range = shard_range(n, n_folds, fold);
    for (std::int64_t i = range.begin; i < range.end; ++i) {
      folds[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])] = fold;
    }
  }
  return folds;
}

ShardRange shard_range(std::int64_t n, std::int64_t n_shards, std::int64_t index) {
  if (n < 0) fail_usage("shard_range: n is {}, expected a count >= 0", n);
  if (n_shards < 1) fail_usage("shard_range: n_shards is {}, expected at least 1", n_shards);
  if (index < 0 || index >= n_shards) {
    fail_usage("shard_range: index is {}, expected 0 to {}", index, n_shards - 1);
  }
  const std::int64_t size = n / n_shards;
  const std::int64_t longer = n % n_shards;
  const std::int64_t begin = size * index + std::min(index, longer);
  return {.begin = begin, .end = begin + size + (index < longer ? 1 : 0)};
}

}  // namespace armorm
