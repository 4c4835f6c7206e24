#include "stages/gate/pair_rewards.h"

#include <random>

#include "io/safetensors.h"
#include "io/scratch_memory.h"
#include "support/counting_memory.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::gate;

namespace {

// Two pairs of width 2, with the given lengths (empty = without lengths).
std::shared_ptr<const stages::artifacts::EmbeddingSet> small_set(
    const std::filesystem::path& folder, const std::vector<std::int64_t>& lengths = {}) {
  std::vector<BFloat16> values;
  for (const float v : {1.F, 0.F, 0.F, 1.F, 2.F, 1.F, -1.F, 3.F}) values.push_back(BFloat16::from_float(v));
  std::vector<io::TensorSpec> tensors{{"embeddings", DType::bf16, {2, 2, 2}},
                                      {"prompt_embeddings", DType::bf16, {2, 2, 2}}};
  if (!lengths.empty())
    tensors.push_back({"lengths", DType::i64, {static_cast<std::int64_t>(lengths.size()) / 2, 2}});
  io::SafetensorsWriter writer(folder / "pairs.safetensors", tensors, {});
  writer.append(std::span<const BFloat16>(values));
  writer.append(std::span<const BFloat16>(values));
  if (!lengths.empty()) writer.append(std::span<const std::int64_t>(lengths));
  writer.publish();
  return std::make_shared<const stages::artifacts::EmbeddingSet>(
      stages::artifacts::EmbeddingSet::open(folder, "pairs", "preference", "stage2-prepare"));
}

std::vector<float> rewards(const std::shared_ptr<const stages::artifacts::EmbeddingSet>& set,
                           const stages::artifacts::RegressionWeights& weights) {
  const PairRewards pairs(set, weights, "weights");
  const auto view = pairs.both_sides();
  return {view.data, view.data + view.rows * view.cols};
}

// 70,000 pairs of width 8 in two shards, with lengths and row ids: more than one block of everything.
std::shared_ptr<const stages::artifacts::EmbeddingSet> large_set(const std::filesystem::path& folder) {
  std::mt19937 random(2);
  std::normal_distribution<float> normal;
  for (const std::int64_t n : {50000, 20000}) {
    std::vector<BFloat16> values(static_cast<std::size_t>(n) * 16);
    for (BFloat16& value : values) value = BFloat16::from_float(normal(random));
    std::vector<std::int64_t> integers(static_cast<std::size_t>(2 * n));
    for (std::int64_t& integer : integers) integer = static_cast<std::int64_t>(random() % 500);
    io::SafetensorsWriter writer(
        folder / (n == 50000 ? "pairs-00001-of-00002.safetensors" : "pairs-00002-of-00002.safetensors"),
        {{"embeddings", DType::bf16, {n, 2, 8}},
         {"prompt_embeddings", DType::bf16, {n, 2, 8}},
         {"lengths", DType::i64, {n, 2}},
         {"row_ids", DType::i64, {n}}},
        {});
    writer.append(std::span<const BFloat16>(values));
    writer.append(std::span<const BFloat16>(values));
    writer.append(std::span<const std::int64_t>(integers));
    writer.append(std::span<const std::int64_t>(integers).first(static_cast<std::size_t>(n)));
    writer.publish();
  }
  return std::make_shared<const stages::artifacts::EmbeddingSet>(
      stages::artifacts::EmbeddingSet::open(folder, "pairs", "preference", "stage2-prepare"));
}

stages::artifacts::RegressionWeights three_attributes() {
  stages::artifacts::RegressionWeights weights;
  weights.hidden_size = 8;
  for (int i = 0; i < 24; ++i) weights.weight.push_back(0.1F * static_cast<float>(i % 7) - 0.3F);
  weights.bias = {1.F, -2.F, 0.F};
  return weights;
}

const std::vector<float> kTransform{1.F, 0.F, 0.25F, 0.F, 1.F, 0.F, -0.3F, -0.7F, 0.F};

bool same_rows(MatrixView<const float> a, MatrixView<const float> b) {
  if (a.rows != b.rows || a.cols != b.cols) return false;
  for (std::int64_t r = 0; r < a.rows; ++r)
    if (!std::ranges::equal(a.row(r), b.row(r))) return false;
  return true;
}

}  // namespace

TEST_CASE("rewards in scratch files have the bits of those in memory", "[unit]") {
  const test::TempDir dir, place;
  const auto set = large_set(dir.path());
  const stages::artifacts::RegressionWeights weights = three_attributes();
  io::ScratchMemory scratch(place.path());
  PairRewards here(set, weights, "weights");
  PairRewards there(set, weights, "weights", SplitBy::row, &scratch);
  CHECK(there.size() == 70000);
  CHECK(same_rows(there.both_sides(), here.both_sides()));
  for (PairRewards* pairs : {&here, &there}) pairs->transform(kTransform);
  CHECK(same_rows(there.data().chosen, here.data().chosen));
  CHECK(same_rows(there.data().rejected, here.data().rejected));
  CHECK(same_rows(there.data_before_transform().chosen, here.data_before_transform().chosen));
  CHECK_FALSE(same_rows(there.data().chosen, there.data_before_transform().chosen));
  CHECK(std::ranges::equal(there.lengths(), here.lengths()));
  CHECK(std::ranges::equal(there.row_ids(), here.row_ids()));
  CHECK(std::ranges::equal(there.data().chosen_prompt, here.data().chosen_prompt));
  CHECK(std::ranges::equal(there.data().rejected_prompt, here.data().rejected_prompt));
  CHECK(there.data().rewards_mapped);
  CHECK_FALSE(here.data().rewards_mapped);
  CHECK(std::filesystem::is_empty(place.path()));
}

// Each row alone, in double.
TEST_CASE("a transform of more rows than one block is that of each row", "[unit]") {
  const test::TempDir dir;
  PairRewards pairs(large_set(dir.path()), three_attributes(), "weights");
  pairs.transform(kTransform);
  const gating::PairData before = pairs.data_before_transform(), after = pairs.data();
  double largest = 0.0;
  for (std::int64_t row = 0; row < pairs.size(); ++row)
    for (std::size_t k = 0; k < 3; ++k) {
      double expected = 0.0;
      for (std::size_t j = 0; j < 3; ++j)
        expected += static_cast<double>(before.rejected.row(row)[j]) * kTransform[3 * j + k];
      largest = std::max(largest, std::abs(expected - static_cast<double>(after.rejected.row(row)[k])));
    }
  CHECK(largest < 1e-5);
}

TEST_CASE("a pair takes the bytes that are said before it is loaded", "[unit]") {
  const test::TempDir dir;
  test::CountingMemory memory;
  {
    PairRewards pairs(large_set(dir.path()), three_attributes(), "weights", SplitBy::row, &memory);
    CHECK(memory.in_use() == 70000 * static_cast<std::size_t>(PairRewards::bytes_per_pair(3, false)));
    pairs.transform(kTransform);
    CHECK(memory.most() == 70000 * static_cast<std::size_t>(PairRewards::bytes_per_pair(3, true)));
  }
  CHECK(memory.in_use() == 0);
}

TEST_CASE("rewards are W e + b, with b where there are intercepts", "[unit]") {
  const test::TempDir dir;
  const auto set = small_set(dir.path());
  stages::artifacts::RegressionWeights weights;
  weights.hidden_size = 2;
  weights.weight = {1.F, 2.F, 0.5F, -1.F};
  CHECK(rewards(set, weights) == std::vector<float>{1.F, 0.5F, 2.F, -1.F, 4.F, 0.F, 5.F, -3.5F});
  weights.bias = {10.F, -4.F};
  CHECK(rewards(set, weights) == std::vector<float>{11.F, -3.5F, 12.F, -5.F, 14.F, -4.F, 15.F, -7.5F});
}

TEST_CASE("lengths are read where they are there, and must fit and not be negative", "[unit]") {
  const test::TempDir dir;
  stages::artifacts::RegressionWeights weights;
  weights.hidden_size = 2;
  weights.weight = {1.F, 2.F};
  CHECK(PairRewards(small_set(dir.path()), weights, "weights").lengths().empty());
  const PairRewards pairs(small_set(dir.path(), {3, 4, 0, 6}), weights, "weights");
  CHECK(std::vector(pairs.lengths().begin(), pairs.lengths().end()) == std::vector<std::int64_t>{3, 4, 0, 6});
  CHECK_THROWS_WITH(PairRewards(small_set(dir.path(), {3, 4, -1, 6}), weights, "weights"),
                    Catch::Contains("lengths holds -1"));
  CHECK_THROWS_WITH(PairRewards(small_set(dir.path(), {3, 4}), weights, "weights"),
                    Catch::Contains("lengths"));
}
