#include "stages/regression_weights.h"

#include "support/test_support.h"

using namespace armorm;

TEST_CASE("weights and intercepts come back from either file", "[unit]") {
  const test::TempDir dir;
  RegressionWeights weights;
  weights.attributes = {"a", "b"};
  weights.hidden_size = 2;
  weights.weight = {1.F, 2.F, 3.F, 4.F};
  for (const std::vector<float>& bias : {std::vector<float>{}, std::vector<float>{0.5F, -0.25F}}) {
    weights.bias = bias;
    weights.save(dir / "w");
    CHECK(RegressionWeights::load(dir / "w").bias == bias);
    CHECK(RegressionWeights::load(dir / "w").weight == weights.weight);
    std::filesystem::remove(dir / "w.safetensors");
    CHECK(RegressionWeights::load(dir / "w").bias == bias);
    CHECK(RegressionWeights::load(dir / "w").weight == weights.weight);
  }
}
