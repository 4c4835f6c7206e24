// Paired tests, length bias and gate usage, compared with SciPy.
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "eval/length_bias.h"
#include "eval/paired_test.h"
#include "gating/gate_usage.h"
#include "io/read_file.h"
#include "stats/proportion.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::eval;
using namespace armorm::test;

namespace {

nlohmann::json reference(const char* part) {
  return nlohmann::json::parse(io::read_text_file(golden("eval/analysis.json"))).at(part);
}

void check_near(double value, double expected, double relative) {
  INFO(value << " beside " << expected);
  CHECK(std::abs(value - expected) <= relative * std::abs(expected));
}

void check_group(const LengthGroup& group, const nlohmann::json& expected) {
  CHECK(group.n == expected["n"].get<std::int64_t>());
  CHECK(group.correct == expected["correct"].get<std::int64_t>());
  check_near(group.accuracy, expected["correct"].get<double>() / expected["n"].get<double>(), 1e-15);
  CHECK((group.interval.low < group.accuracy && group.accuracy < group.interval.high));
}

}  // namespace

TEST_CASE("McNemar's p-values are those of the exact binomial test", "[golden]") {
  for (const auto& c : reference("paired_tests")) {
    INFO(c.dump());
    check_near(mcnemar_p_value(c["first"].get<std::int64_t>(), c["second"].get<std::int64_t>()),
               c["p"].get<double>(), 1e-9);
  }
}

TEST_CASE("weighted means and their intervals and tests are those of SciPy and NumPy", "[golden]") {
  const auto expected = reference("weighted");
  for (const auto& c : expected["means"]) {
    INFO(c.dump());
    std::vector<stats::WeightedShare> parts;
    for (std::size_t i = 0; i < c["n"].size(); ++i) {
      const auto n = c["n"][i].get<std::int64_t>(), right = c["right"][i].get<std::int64_t>();
      parts.push_back({c["weights"][i].get<double>(), static_cast<double>(right) / static_cast<double>(n),
                       stats::wilson_interval(right, n)});
    }
    const stats::WeightedMean mean = stats::weighted_mean(parts);
    check_near(mean.share, c["mean"].get<double>(), 1e-14);
    check_near(mean.interval.low, c["low"].get<double>(), 1e-12);
    check_near(mean.interval.high, c["high"].get<double>(), 1e-12);
  }
  for (const auto& c : expected["tests"]) {
    INFO(c.dump());
    std::vector<PairedStratum> strata;
    for (std::size_t i = 0; i < c["n"].size(); ++i)
      strata.push_back({c["weights"][i].get<double>(), c["n"][i].get<std::int64_t>(),
                        c["first"][i].get<std::int64_t>(), c["second"][i].get<std::int64_t>()});
    check_near(weighted_mcnemar_p_value(strata), c["p"].get<double>(), 1e-10);
  }
}

TEST_CASE("a weighted mean of one part is that part, and no part is none", "[unit]") {
  const stats::Proportion interval = stats::wilson_interval(3, 7);
  const stats::WeightedMean mean =
      stats::weighted_mean(std::vector<stats::WeightedShare>{{5.0, 3.0 / 7, interval}});
  check_near(mean.interval.low, interval.low, 1e-14);
  check_near(mean.interval.high, interval.high, 1e-14);
  CHECK_THROWS_AS(stats::weighted_mean({}), Error);
  CHECK(std::isnan(weighted_mcnemar_p_value({})));
  CHECK(weighted_mcnemar_p_value(std::vector<PairedStratum>{{1.0, 9, 0, 0}}) == 1.0);
  CHECK_THROWS_AS(stats::wilson_interval_of_share(1.5, 2), Error);
}

TEST_CASE("paired scorers are counted by who is right, ties being wrong", "[unit]") {
  const gating::PairScores a{{1, 1, 0, 2, 5}, {0, 0, 1, 2, 0}};
  const gating::PairScores b{{1, 0, 1, 0, 0}, {0, 0, 0, 1, 1}};
  const PairedTest test = compare_scorers(a, b);
  CHECK(test.both_right == 1);
  CHECK(test.only_first_right == 2);
  CHECK(test.only_second_right == 1);
  CHECK(test.both_wrong == 1);
  CHECK(test.p_value == 1.0);
  CHECK_THROWS_AS(compare_scorers(a, gating::PairScores{{1}, {0}}), Error);
}

TEST_CASE("length bias counts by the longer side and correlates margins as SciPy does", "[golden]") {
  const auto expected = reference("length_bias");
  const gating::PairScores scores{expected["chosen"].get<std::vector<float>>(),
                                  expected["rejected"].get<std::vector<float>>()};
  std::vector<std::int64_t> chosen, rejected;
  for (const auto& pair : expected["lengths"]) {
    chosen.push_back(pair[0].get<std::int64_t>());
    rejected.push_back(pair[1].get<std::int64_t>());
  }
  const LengthBias bias = measure_length_bias(scores, chosen, rejected);
  check_group(bias.chosen_longer, expected["groups"]["longer"]);
  check_group(bias.chosen_shorter, expected["groups"]["shorter"]);
  check_group(bias.equal, expected["groups"]["equal"]);
  CHECK(bias.gap == bias.chosen_longer.accuracy - bias.chosen_shorter.accuracy);
  CHECK(bias.gap > 0.2);  // the scores were made to favour length
  check_near(bias.margin_correlation, expected["correlation"].get<double>(), 1e-12);
}

TEST_CASE("a length group without pairs has no accuracy, and negative lengths are refused", "[unit]") {
  const gating::PairScores scores{{1, 0}, {0, 1}};
  const LengthBias bias =
      measure_length_bias(scores, std::vector<std::int64_t>{3, 4}, std::vector<std::int64_t>{1, 2});
  CHECK(bias.chosen_longer.accuracy == 0.5);
  CHECK((std::isnan(bias.chosen_shorter.accuracy) && std::isnan(bias.gap) &&
         std::isnan(bias.margin_correlation)));
  CHECK_THROWS_AS(
      measure_length_bias(scores, std::vector<std::int64_t>{3, -4}, std::vector<std::int64_t>{1, 2}), Error);
}

TEST_CASE("gate loads and entropies are SciPy's", "[golden]") {
  const auto expected = reference("gate_usage");
  const auto weights = expected["weights"].get<std::vector<float>>();
  const gating::GateUsage usage = gating::measure_gate_usage(
      {weights.data(), expected["n"].get<std::int64_t>(), expected["k"].get<std::int64_t>()},
      {"a", "b", "c", "d"}, {});
  for (std::size_t k = 0; k < 4; ++k) {
    check_near(usage.load[k], expected["load"][k].get<double>(), 1e-12);
    check_near(usage.top_share[k], expected["top"][k].get<double>(), 1e-12);
  }
  check_near(usage.mean_entropy, expected["mean_entropy"].get<double>(), 1e-12);
  check_near(usage.load_entropy, expected["load_entropy"].get<double>(), 1e-12);
  check_near(usage.information, expected["information"].get<double>(),
             1e-6);  // float32 rows sum to 1 within 1e-7
  CHECK(usage.warnings.empty());
}

TEST_CASE("a collapsed gate is warned about", "[unit]") {
  const std::vector<std::string> names{"helpful", "verbose"};
  const std::vector<float> one_attribute{0.99F, 0.01F, 0.97F, 0.03F};
  const gating::GateUsage heavy =
      gating::measure_gate_usage({one_attribute.data(), 2, 2}, names, {0.95, 0.0});
  REQUIRE(heavy.warnings.size() == 1);
  CHECK(heavy.warnings[0].find("'helpful' takes 98.0 %") == 0);
  const std::vector<float> same_for_all{0.5F, 0.5F, 0.501F, 0.499F};
  const gating::GateUsage blind = gating::measure_gate_usage({same_for_all.data(), 2, 2}, names, {});
  REQUIRE(blind.warnings.size() == 1);
  CHECK(blind.warnings[0].find("has not learned from the prompts") != std::string::npos);
}

TEST_CASE("weights that are no distribution are data errors", "[unit]") {
  const std::vector<std::string> names{"a", "b"};
  for (const std::vector<float>& row : {std::vector<float>{0.5F, 0.6F}, {1.5F, -0.5F}, {std::nanf(""), 1.0F}})
    CHECK_THROWS_AS(gating::measure_gate_usage({row.data(), 1, 2}, names, {}), Error);
}
