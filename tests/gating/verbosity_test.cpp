#include "armorm/gating/verbosity.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "armorm/core/error.h"
#include "armorm/io/safetensors.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;

namespace {

struct Reference {
  SafetensorsFile file = SafetensorsFile::open(golden("gating/penalties.safetensors"));
  MatrixView<const float> rewards() const {
    const TensorView t = file.at("rewards");
    return {t.as<float>().data(), t.shape[0], t.shape[1]};
  }
  std::vector<std::string> names = {"a", "b", "c", "d", "v", "e"};
};

}  // namespace

TEST_CASE("penalties, correlations and the transform are SciPy's", "[golden]") {
  const Reference reference;
  const auto expected = nlohmann::json::parse(reference.file.metadata().at("expected"));
  const DebiasResult result = find_debiasing_transform(reference.rewards(), reference.names, {});
  REQUIRE(result.attributes.size() == 6);
  for (std::size_t k = 0; k < 6; ++k) {
    INFO("attribute " << k);
    CHECK(result.attributes[k].penalty == expected["penalty"][k].get<double>());
    const auto same = [](double ours, const nlohmann::json& theirs) {
      return theirs.is_null() ? std::isnan(ours) : std::abs(ours - theirs.get<double>()) <= 1e-12;
    };
    CHECK(same(result.attributes[k].correlation_before, expected["before"][k]));
    CHECK(same(result.attributes[k].correlation_after, expected["after"][k]));
  }
  const auto transform = reference.file.at("transform").as<float>();
  CHECK(result.transform == std::vector<float>(transform.begin(), transform.end()));
}

TEST_CASE("an attribute that never meets the threshold is an error or a choice, never silent", "[unit]") {
  const Reference reference;
  DebiasOptions options;
  options.penalty_grid = {0.0, 0.1};
  CHECK_THROWS_WITH(find_debiasing_transform(reference.rewards(), reference.names, options),
                    Catch::Contains("--on_unmet") && Catch::Contains("d ("));
  options.on_unmet = OnUnmet::keep;
  CHECK(find_debiasing_transform(reference.rewards(), reference.names, options).attributes[3].penalty == 0.0);
  options.on_unmet = OnUnmet::max;
  const DebiasResult most = find_debiasing_transform(reference.rewards(), reference.names, options);
  CHECK(most.attributes[3].penalty == 0.1);
  CHECK_FALSE(most.attributes[3].met);
}

TEST_CASE("constant verbosity and a wrong index are told", "[unit]") {
  const std::vector<float> rewards{1, 2, 1, 3, 1, 4};
  CHECK_THROWS_WITH(find_debiasing_transform({rewards.data(), 3, 2}, {"v", "x"}, {.verbosity_dim = 0}), Catch::Contains("same for all"));
  CHECK_THROWS_WITH(find_debiasing_transform({rewards.data(), 3, 2}, {"v", "x"}, {.verbosity_dim = 2}), Catch::Contains("--verbosity_dim"));
}

TEST_CASE("rewards that are not finite and penalties out of order are refused", "[unit]") {
  std::vector<float> values{1, 2, 2, 1, 3, 5, 4, 4};
  const std::vector<std::string> names{"quality", "verbosity"};
  DebiasOptions options;
  options.verbosity_dim = 1;
  options.on_unmet = OnUnmet::keep;
  CHECK(find_debiasing_transform({values.data(), 4, 2, 2}, names, options).attributes.size() == 2);
  options.penalty_grid = {0.0, 0.5, 0.25};
  CHECK_THROWS_AS(find_debiasing_transform({values.data(), 4, 2, 2}, names, options), Error);
  options.penalty_grid = published_penalty_grid();
  values[3] = std::nanf("");
  CHECK_THROWS_AS(find_debiasing_transform({values.data(), 4, 2, 2}, names, options), Error);
}
