#include "gating/shuffle_order.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "gating/read_runs.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::gating;

namespace {

using Pairs = std::vector<std::int64_t>;

Pairs positions(ShuffleOrder& order, std::int64_t begin, std::int64_t end, bool filled = false) {
  Pairs pairs;
  for (std::int64_t p = begin; p < end; ++p) pairs.push_back(filled ? order.fill_at(p) : order.at(p));
  return pairs;
}

Pairs sorted(Pairs pairs) {
  std::ranges::sort(pairs);
  return pairs;
}

Pairs all(std::int64_t n) {
  Pairs pairs(static_cast<std::size_t>(n));
  std::iota(pairs.begin(), pairs.end(), 0);
  return pairs;
}

// Maximal runs of consecutive numbers in a set of pairs.
std::int64_t runs_of(const Pairs& pairs) {
  const Pairs ascending = sorted(pairs);
  std::int64_t runs = ascending.empty() ? 0 : 1;
  for (std::size_t i = 1; i < ascending.size(); ++i) runs += ascending[i] > ascending[i - 1] + 1 ? 1 : 0;
  return runs;
}

// Reads of the prompts of some pairs, `width` bytes a side, both sides of a pair next to each other.
std::size_t reads_of(const Pairs& pairs, std::size_t width) {
  static const std::byte* const file = reinterpret_cast<const std::byte*>(std::uintptr_t{1} << 40);
  ReadRuns runs;
  for (const std::int64_t pair : pairs) runs.add({file + 2 * width * static_cast<std::size_t>(pair), width});
  return runs.runs().size();
}

}  // namespace

TEST_CASE("every pair comes once in each epoch, in an order of its own", "[unit]") {
  for (const std::int64_t n : {1, 2, 15, 16, 17, 100, 1009, 4096})
    for (const std::int64_t window : {16, 100, 1024, 100000}) {
      CAPTURE(n, window);
      ShuffleOrder order(n, window, 5);
      const Pairs first = positions(order, 0, n);
      const Pairs second = positions(order, n, 2 * n);
      CHECK(sorted(first) == all(n));
      CHECK(sorted(second) == all(n));
      CHECK(sorted(positions(order, 0, n, true)) == all(n));
      if (n >= 100) CHECK(first != second);
      if (n >= 100) CHECK(first != all(n));
    }
}

TEST_CASE("the order depends on the seed alone, and a position on none before it", "[unit]") {
  constexpr std::int64_t n = 1009;
  ShuffleOrder order(n, 128, 3), other_seed(n, 128, 4), resumed(n, 128, 3);
  const Pairs pairs = positions(order, 0, 3 * n);
  CHECK(positions(resumed, 2 * n - 5, 2 * n + 70) ==
        Pairs(pairs.begin() + 2 * n - 5, pairs.begin() + 2 * n + 70));
  CHECK(positions(resumed, 40, 60) == Pairs(pairs.begin() + 40, pairs.begin() + 60));
  CHECK(positions(other_seed, 0, n) != Pairs(pairs.begin(), pairs.begin() + n));
}

TEST_CASE("a window is filled from 16 runs of consecutive pairs and shuffled", "[unit]") {
  constexpr std::int64_t n = 10000, window = 1600, block = window / ShuffleOrder::kBlocks;
  ShuffleOrder order(n, window, 1);
  CHECK(order.window() == window);
  for (std::int64_t first = 0; first < n; first += window) {
    const std::int64_t end = std::min(first + window, n);
    const Pairs shuffled = positions(order, first, end);
    const Pairs filled = positions(order, first, end, true);
    CHECK(sorted(shuffled) == sorted(filled));
    CHECK(runs_of(filled) <= ShuffleOrder::kBlocks);
    CHECK(shuffled != filled);
    CHECK_FALSE(std::ranges::is_sorted(filled));  // the blocks are not in their order
    for (std::int64_t i = first; i < end; i += block)
      CHECK(runs_of(Pairs(filled.begin() + (i - first), filled.begin() + (i - first + block))) == 1);
  }
}

// Chi-squared of the block from which the 1,000th of 3,200 pairs comes, over 4,000 seeds: 31 degrees of
// freedom.
TEST_CASE("at a position every block is as likely", "[unit]") {
  constexpr int kSeeds = 4000, kBlocks = 32;
  std::vector<double> counts(kBlocks);
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed)
    counts[static_cast<std::size_t>(ShuffleOrder(3200, 1600, seed).at(1000) / 100)] += 1;
  double chi2 = 0.0;
  for (const double count : counts)
    chi2 += (count - kSeeds / kBlocks) * (count - kSeeds / kBlocks) / (kSeeds / kBlocks);
  CHECK(chi2 < 61.1);  // scipy.stats.chi2.ppf(0.999, 31) = 61.098
}

TEST_CASE("a batch of a shuffle window is read in few runs, one of single draws in as many as it has pairs",
          "[unit]") {
  constexpr std::int64_t n = 1000000, batch = 1024, window = 65536;
  constexpr std::size_t width = 8192;  // bytes of a prompt of 4096 numbers
  ShuffleOrder order(n, window, 0);
  std::mt19937_64 random(0);
  std::size_t of_windows = 0, of_draws = 0;
  for (std::int64_t step = 0; step < 100; ++step) {
    of_windows += reads_of(positions(order, step * batch, (step + 1) * batch, true), width);
    Pairs drawn;
    for (std::int64_t i = 0; i < batch; ++i) drawn.push_back(static_cast<std::int64_t>(random() % n));
    of_draws += reads_of(drawn, width);
  }
  CHECK(of_windows <= 125);  // 100 batches over 25 blocks of 4,096 pairs
  CHECK(of_draws > 100000);  // of 102,400
  std::set<std::int64_t> blocks;
  for (const std::int64_t pair : positions(order, 0, window)) blocks.insert(pair / (window / 16));
  CHECK(blocks.size() == 16);
  CHECK(reads_of(positions(order, 0, window, true), width) <= 16);
}

TEST_CASE("ranges become one read where little lies between them", "[unit]") {
  const auto* const at = reinterpret_cast<const std::byte*>(std::uintptr_t{1} << 40);
  ReadRuns runs;
  runs.add({at, 100});
  runs.add({at + 50, 10});                       // within
  runs.add({at + 100 + ReadRuns::kGap, 8});      // after a gap
  runs.add({at + 2 * ReadRuns::kGap + 109, 1});  // after one that is too long
  runs.add({at, 4});                             // back
  REQUIRE(runs.runs().size() == 3);
  CHECK(runs.runs()[0].data() == at);
  CHECK(runs.runs()[0].size() == 108 + ReadRuns::kGap);
  CHECK(runs.runs()[1].size() == 1);
  CHECK(runs.runs()[2].size() == 4);
}
