#include "stages/gate/pair_rewards.h"

#include "io/safetensors.h"
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

}  // namespace

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
  CHECK(PairRewards(small_set(dir.path(), {3, 4, 0, 6}), weights, "weights").lengths() ==
        std::vector<std::int64_t>{3, 4, 0, 6});
  CHECK_THROWS_WITH(PairRewards(small_set(dir.path(), {3, 4, -1, 6}), weights, "weights"),
                    Catch::Contains("lengths holds -1"));
  CHECK_THROWS_WITH(PairRewards(small_set(dir.path(), {3, 4}), weights, "weights"),
                    Catch::Contains("lengths"));
}
