#include "eval/reward_bench.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/read_file.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::eval;
using namespace armorm::test;

TEST_CASE("sections and score are those of the published weighting", "[golden]") {
  const auto cases = nlohmann::json::parse(io::read_text_file(golden("eval/reward_bench.json")));
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
    if (c["score"].is_null())
      CHECK(std::isnan(result.score));
    else
      CHECK(std::abs(result.score - c["score"].get<double>()) <= 1e-9);
    CHECK(result.unknown.empty());
  }
}

namespace {

void check_sections(const RewardBenchResult& result, const nlohmann::json& expected) {
  for (const SectionResult& section : result.sections) {
    INFO(section.name);
    REQUIRE(section.measured == expected["sections"].contains(section.name));
    if (section.measured)
      CHECK(std::abs(section.score - expected["sections"][section.name].get<double>()) <= 1e-9);
  }
  if (expected["score"].is_null())
    CHECK(std::isnan(result.score));
  else
    CHECK(std::abs(result.score - expected["score"].get<double>()) <= 1e-9);
}

}  // namespace

TEST_CASE("sections are those of the package rewardbench, by the counts of both its versions", "[golden]") {
  const auto cases = nlohmann::json::parse(io::read_text_file(golden("eval/reward_bench_package.json")));
  REQUIRE(cases.size() == 5);
  for (const auto& c : cases) {
    const auto& pairs = c["pairs"];
    const auto score = [&](RewardBenchCounts counts) {
      return score_reward_bench(pairs["chosen"].get<std::vector<float>>(),
                                pairs["rejected"].get<std::vector<float>>(),
                                pairs["subset"].get<std::vector<std::int64_t>>(),
                                pairs["names"].get<std::vector<std::string>>(), counts);
    };
    const RewardBenchResult current = score(RewardBenchCounts::current);
    check_sections(score(RewardBenchCounts::paper), c["paper"]);
    check_sections(current, c["current"]);
    CHECK(current.unknown.empty());
    if (!c.contains("with_prior_sets")) {
      CHECK((std::isnan(current.prior_sets) && std::isnan(current.score_with_prior_sets)));
      continue;
    }
    CHECK(current.prior_sets == Approx(c["with_prior_sets"]["prior_sets"].get<double>()));
    CHECK(current.score_with_prior_sets == Approx(c["with_prior_sets"]["score"].get<double>()));
  }
}

TEST_CASE("subsets of RewardBench are known by their names", "[unit]") {
  CHECK(is_reward_bench_subset("math-prm"));
  CHECK_FALSE(is_reward_bench_subset("Math"));
  CHECK_FALSE(is_reward_bench_subset("shp"));
  CHECK(is_prior_set("shp"));
}

TEST_CASE("ties count as wrong and unknown subsets count nowhere", "[unit]") {
  const std::vector<float> chosen{1, 1, 2}, rejected{1, 0, 0};
  const RewardBenchResult result =
      score_reward_bench(chosen, rejected, std::vector<std::int64_t>{0, 0, 1}, {"donotanswer", "made-up"});
  CHECK(result.sections[2].score == 50.0);
  CHECK(result.sections[2].missing.size() == 4);
  CHECK(result.unknown == std::vector<std::string>{"made-up"});
}

TEST_CASE("sections and score have the intervals and tests of weighted means", "[unit]") {
  // Chat Hard consists of two subsets with the published counts 37 and 100; no other section is present.
  const std::vector<float> chosen{1, 1, 0, 1, 1, 1, 0, 0}, rejected{0, 0, 1, 0, 0, 0, 1, 1},
      others{0, 1, 0, 0, 1, 1, 1, 0};
  const std::vector<std::int64_t> subset{0, 0, 0, 1, 1, 1, 1, 1};
  const std::vector<std::string> names{"mt-bench-hard", "llmbar-natural"};
  const RewardBenchResult result = score_reward_bench(chosen, rejected, subset, names);
  const stats::WeightedMean mean = stats::weighted_mean(std::vector<stats::WeightedShare>{
      {37, 2.0 / 3, stats::wilson_interval(2, 3)}, {100, 3.0 / 5, stats::wilson_interval(3, 5)}});
  CHECK(result.sections[1].score == Approx(100 * mean.share));
  CHECK(result.sections[1].interval.low == Approx(100 * mean.interval.low));
  CHECK(result.sections[1].interval.high == Approx(100 * mean.interval.high));
  CHECK((std::isnan(result.sections[0].interval.low) && std::isnan(result.interval.high)));

  const gating::PairScores first{chosen, rejected}, second{others, std::vector<float>(8, 0.5F)};
  const RewardBenchTests tests = compare_on_reward_bench(first, second, subset, names);
  CHECK(tests.subsets[5].only_first_right == 1);   // mt-bench-hard: pair 0 against none
  CHECK(tests.subsets[6].only_first_right == 1);   // llmbar-natural: pair 3
  CHECK(tests.subsets[6].only_second_right == 1);  // pair 6
  CHECK(tests.sections[1] ==
        Approx(weighted_mcnemar_p_value(std::vector<PairedStratum>{{37, 3, 1, 0}, {100, 5, 1, 1}})));
  CHECK((std::isnan(tests.sections[0]) && std::isnan(tests.score)));
}

TEST_CASE("Wilson intervals are the published ones", "[unit]") {
  // scipy.stats.binomtest(8, 10).proportion_ci(method="wilson")
  const stats::Proportion interval = stats::wilson_interval(8, 10);
  CHECK(std::abs(interval.low - 0.4901625) < 1e-6);
  CHECK(std::abs(interval.high - 0.9433178) < 1e-6);
  CHECK(stats::wilson_interval(0, 0).high == 1.0);
}
