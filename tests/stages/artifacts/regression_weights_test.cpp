#include "stages/artifacts/regression_weights.h"

#include "model/pt/pt_file.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::artifacts;

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

TEST_CASE("weights say what they were made from, as far as it is recorded", "[unit]") {
  const test::TempDir dir;
  RegressionWeights weights;
  weights.attributes = {"a"};
  weights.hidden_size = 2;
  weights.weight = {1.F, 2.F};
  weights.save(dir / "w");
  CHECK(RegressionWeights::load(dir / "w").inputs.empty());
  weights.inputs = {{"data set", "x"}, {"split", "train"}};
  weights.save(dir / "w");
  CHECK(RegressionWeights::load(dir / "w").inputs == weights.inputs);
  const std::string digest = RegressionWeights::load(dir / "w").digest();
  CHECK(digest == weights.digest());
  weights.bias = {0.F};
  CHECK(digest != weights.digest());
}

TEST_CASE("a .pt that was fitted again beside an old .safetensors is not passed over", "[unit]") {
  const test::TempDir dir;
  RegressionWeights weights;
  weights.attributes = {"a"};
  weights.hidden_size = 2;
  weights.weight = {1.F, 2.F};
  weights.save(dir / "w");
  const auto refused = [&] {
    CHECK_THROWS_WITH(RegressionWeights::load(dir / "w"),
                      Catch::Contains("w.pt: holds other weights than w.safetensors") &&
                          Catch::Contains("delete the one that is out of date"));
  };
  model::pt::save_pt_file(dir / "w.pt", {{"weight", {{1, 2}, {1.F, 2.5F}}}}, io::posix_file_system());
  refused();
  model::pt::save_pt_file(dir / "w.pt", {{"weight", {{1, 2}, {1.F, 2.F}}}, {"bias", {{1}, {0.5F}}}},
                          io::posix_file_system());
  refused();
  model::pt::save_pt_file(dir / "w.pt", {{"weight", {{1, 2}, {1.F, 2.F}}}}, io::posix_file_system());
  CHECK(RegressionWeights::load(dir / "w").weight == weights.weight);
}
