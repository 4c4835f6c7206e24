// Figures of a scorer on groups of its pairs, compared with SciPy.
#include "eval/group_metrics.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "io/read_file.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::eval;
using namespace armorm::test;
using nlohmann::json;

namespace {

struct Pairs {
  gating::PairScores scores;
  std::vector<std::int64_t> chosen_length, rejected_length;
  json golden;

  Pairs() {
    golden = json::parse(io::read_text_file(armorm::test::golden("eval/analysis.json"))).at("groups");
    scores = {golden["chosen"].get<std::vector<float>>(), golden["rejected"].get<std::vector<float>>()};
    for (const json& pair : golden["lengths"]) {
      chosen_length.push_back(pair[0].get<std::int64_t>());
      rejected_length.push_back(pair[1].get<std::int64_t>());
    }
  }
  std::vector<std::size_t> members(std::size_t source) const {
    std::vector<std::size_t> out;
    for (std::size_t i = 0; i < golden["source"].size(); ++i)
      if (golden["source"][i] == source) out.push_back(i);
    return out;
  }
};

void check_near(double value, const json& expected) {
  INFO(value << " compared with " << expected.dump());
  if (expected.is_null())
    CHECK(std::isnan(value));
  else
    CHECK(value == Approx(expected.get<double>()).epsilon(1e-12).margin(1e-15));
}

void check_group(const LengthGroup& group, const json& expected) {
  CHECK(group.n == expected["n"].get<std::int64_t>());
  CHECK(group.correct == expected["correct"].get<std::int64_t>());
}

}  // namespace

TEST_CASE("accuracy, interval, loss and length bias of a group are SciPy's on its pairs alone", "[golden]") {
  const Pairs pairs;
  const json& sources = pairs.golden["sources"];
  REQUIRE(sources.size() == 5);
  for (std::size_t s = 0; s < sources.size(); ++s) {
    const json& expected = sources[s];
    INFO(expected["name"]);
    const GroupMetrics group =
        measure_group(pairs.scores, pairs.members(s), pairs.chosen_length, pairs.rejected_length);
    CHECK(group.n == expected["n"].get<std::int64_t>());
    CHECK(group.correct == expected["correct"].get<std::int64_t>());
    check_near(group.interval.low, expected["low"]);
    check_near(group.interval.high, expected["high"]);
    check_near(group.loss, expected["loss"]);
    REQUIRE(group.length_bias);
    check_group(group.length_bias->chosen_longer, expected["groups"]["longer"]);
    check_group(group.length_bias->chosen_shorter, expected["groups"]["shorter"]);
    check_group(group.length_bias->equal, expected["groups"]["equal"]);
    check_near(group.length_bias->gap, expected["gap"]);
    check_near(group.length_bias->margin_correlation, expected["correlation"]);
  }
}

TEST_CASE("a group without lengths has no length bias, and wrong positions and lengths are errors",
          "[unit]") {
  const gating::PairScores scores{{1, 0, 2}, {0, 1, 2}};
  const std::vector<std::size_t> members{0, 2};
  const GroupMetrics group = measure_group(scores, members, {}, {});
  CHECK(group.n == 2);
  CHECK(group.correct == 1);  // a tie is wrong
  CHECK(group.loss == Approx((std::log1p(std::exp(-1.0)) + std::log(2.0)) / 2));
  CHECK_FALSE(group.length_bias);
  const std::vector<std::size_t> outside{3};
  CHECK_THROWS_AS(measure_group(scores, outside, {}, {}), Error);
  const std::vector<std::int64_t> short_list{1, 2}, all{1, 2, 3};
  CHECK_THROWS_AS(measure_group(scores, members, all, short_list), Error);
  CHECK_THROWS_AS(measure_group(scores, members, all, {}), Error);
}
