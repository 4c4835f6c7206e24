#include "eval/reward_bench_2.h"

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

std::vector<ScoredPrompt> prompts_of(const json& list) {
  std::vector<ScoredPrompt> prompts;
  for (const json& p : list) {
    const std::string subset = p["subset"];
    prompts.push_back({subset, parse_tie_id(subset, p["id"].get<std::string>()),
                       p["chosen"].get<std::vector<float>>(), p["rejected"].get<std::vector<float>>()});
  }
  return prompts;
}

ScoredPrompt ties_prompt(TieId::Kind kind, std::int64_t number, std::vector<float> chosen,
                         std::vector<float> rejected) {
  return {"Ties", {kind, number}, std::move(chosen), std::move(rejected)};
}

}  // namespace

TEST_CASE("RewardBench 2 scores are those of the published code", "[golden]") {
  const json cases = json::parse(io::read_text_file(golden("eval/reward_bench_2.json")));
  REQUIRE(cases.size() == 4);
  for (const json& c : cases) {
    const RewardBench2Result result = score_reward_bench_2(prompts_of(c["prompts"]));
    REQUIRE(result.sections.size() == 6);
    for (const RewardBench2Section& section : result.sections) {
      CAPTURE(section.name);
      if (!c["sections"].contains(section.name)) {
        CHECK(section.n == 0);
        CHECK((std::isnan(section.score) && std::isnan(section.interval.low)));
        continue;
      }
      CHECK(section.n == c["sections"][section.name]["n"].get<std::int64_t>());
      CHECK(std::abs(section.score - c["sections"][section.name]["score"].get<double>()) <= 1e-9);
      CHECK((section.interval.low < section.score && section.score < section.interval.high));
    }
    if (c["score"].is_null())
      CHECK(std::isnan(result.score));
    else
      CHECK(std::abs(result.score - c["score"].get<double>()) <= 1e-9);
    CHECK(result.unknown.empty());
    if (!c.contains("ties_interval")) continue;
    // Two bootstraps with independent draws: the Monte Carlo error of a limit is below half a point here.
    CHECK(std::abs(100 * result.ties.interval.low - c["ties_interval"][0].get<double>()) < 1.5);
    CHECK(std::abs(100 * result.ties.interval.high - c["ties_interval"][1].get<double>()) < 1.5);
  }
}

TEST_CASE("equal top scores share the credit, and only the first chosen answer counts", "[unit]") {
  CHECK(best_of_n_credit({"Math", {}, {2}, {1, 1, 1}}) == 1.0);
  CHECK(best_of_n_credit({"Math", {}, {1}, {1, 0, 1}}) == Approx(1.0 / 3));
  CHECK(best_of_n_credit({"Math", {}, {1}, {1, 2, 1}}) == 0.0);
  CHECK(best_of_n_credit({"Math", {}, {1, 3}, {0}}) == 0.0);
}

TEST_CASE("a spread of 0 gives the full margin, and one without a gap none", "[unit]") {
  const auto ties = [](float good, float bad) {
    return score_ties({ties_prompt(TieId::Kind::ref, 4, {good}, {bad}),
                       ties_prompt(TieId::Kind::tied, 4, {good, good}, {bad})});
  };
  CHECK(ties(1, 0).score == Approx(1.01));
  CHECK(ties(1, 0).margin == 1.0);
  CHECK(ties(1, 1).margin == 0.0);
  CHECK(ties(1, 1).score == 0.0);
  CHECK(ties(0, 1).margin == -1.0);
}

TEST_CASE("ids of Ties are ref or tied with a number", "[unit]") {
  CHECK(parse_tie_id("Ties", "ref:12").kind == TieId::Kind::ref);
  CHECK(parse_tie_id("ties", "tied:12").number == 12);
  CHECK(parse_tie_id("Focus", "anything").kind == TieId::Kind::none);
  for (const char* id :
       {"", "12", "ref", "ref:", "ref:x", "ref:1x", "tie:1", "ref:-1", "ref:99999999999999999999"})
    CHECK_THROWS_WITH(parse_tie_id("Ties", id), Catch::Contains("tied:<number>"));
}

TEST_CASE("doubled numbers and tied prompts with one good answer are refused", "[unit]") {
  const ScoredPrompt ref = ties_prompt(TieId::Kind::ref, 1, {1}, {0});
  CHECK_THROWS_WITH(score_ties({ref, ref}), Catch::Contains("\"ref:1\" twice"));
  CHECK_THROWS_WITH(score_ties({ref, ties_prompt(TieId::Kind::tied, 1, {1}, {0})}),
                    Catch::Contains("\"tied:1\" has 1 good"));
}

TEST_CASE("subsets that RewardBench 2 does not have count nowhere", "[unit]") {
  const RewardBench2Result result = score_reward_bench_2({{"Chat", {}, {1}, {0}}, {"Math", {}, {1}, {0}}});
  CHECK(result.unknown == std::vector<std::string>{"Chat"});
  CHECK(result.sections[2].n == 1);
  CHECK(std::isnan(result.score));
}
