#include "armorm/eval/reward_bench.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "armorm/io/publish.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;

TEST_CASE("sections and score are those of the published weighting", "[golden]") {
  const auto cases = nlohmann::json::parse(read_text_file(golden("eval/reward_bench.json")));
  REQUIRE(cases.size() == 3);
  for (const auto& c : cases) {
    const auto names = c["names"].get<std::vector<std::string>>();
    const RewardBenchResult result =
        score_reward_bench(c["chosen"].get<std::vector<float>>(), c["rejected"].get<std::vector<float>>(),
                           c["subset"].get<std::vector<std::int64_t>>(), names);
    REQUIRE(result.sections.size() == 4);
    for (const SectionResult& section : result.sections) {
      INFO(section.name);
      if (!c["sections"].contains(section.name)) {
        CHECK_FALSE(section.measured);
        CHECK(std::isnan(section.score));
        continue;
      }
      CHECK(std::abs(section.score - c["sections"][section.name].get<double>()) <= 1e-9);
    }
    if (c["score"].is_null()) CHECK(std::isnan(result.score));
    else CHECK(std::abs(result.score - c["score"].get<double>()) <= 1e-9);
    CHECK(result.unknown.empty());
  }
}

TEST_CASE("ties count as wrong and unknown subsets count nowhere", "[unit]") {
  const std::vector<float> chosen{1, 1, 2}, rejected{1, 0, 0};
  const RewardBenchResult result = score_reward_bench(chosen, rejected, std::vector<std::int64_t>{0, 0, 1}, {"donotanswer", "made-up"});
  CHECK(result.sections[2].score == 50.0);
  CHECK(result.sections[2].missing.size() == 4);
  CHECK(result.unknown == std::vector<std::string>{"made-up"});
}

TEST_CASE("Wilson intervals are the published ones", "[unit]") {
  // scipy.stats.binomtest(8, 10).proportion_ci(method="wilson")
  const Proportion interval = wilson_interval(8, 10);
  CHECK(std::abs(interval.low - 0.4901625) < 1e-6);
  CHECK(std::abs(interval.high - 0.9433178) < 1e-6);
  CHECK(wilson_interval(0, 0).high == 1.0);
}
