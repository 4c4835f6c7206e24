#include "report/evaluation_report.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "core/display_width.h"

using namespace armorm::report;

namespace {

BenchmarkScorer scorer(double safety, double score) {
  BenchmarkScorer model;
  model.name = "model";
  model.score = score;
  model.interval = {score - 1, score + 1};
  for (const char* name : {"Chat", "Chat Hard", "Safety", "Reasoning"})
    model.sections.push_back({name, 10, std::string(name) == "Safety" ? safety : 90.0, {80, 95}, {}, {}});
  model.subsets = {{"donotanswer", 10, 9, {0.8, 0.95}, armorm::stats::kNotMeasured}};
  return model;
}

EvaluationReport example() {
  EvaluationReport report;
  report.figures.model = std::string(300, 'm');
  report.set = "/a/" + std::string(300, 'd');
  report.split = "filtered";
  report.benchmark = "none";
  report.rows = 12;
  report.bad_rows = 2;
  report.all = {"", 10, 7, 1, {0.4, 0.9}};
  report.subsets = {{std::string(300, 's'), 6, 5, 0, {0.4, 0.9}}, {"b\033[31m", 4, 2, 1, {0.1, 0.9}}};
  report.figures.length_bias = {{"set", "model", {4, 3, 0.75, {}}, {6, 4, 4.0 / 6, {}}, {}, 0.08, -0.25}};
  return report;
}

}  // namespace

TEST_CASE("an evaluation's tables fit the terminal, whatever the names", "[unit]") {
  EvaluationReport report = example();
  report.prior_sets = 71.5;
  const std::string text = evaluation_text(report);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) CHECK(armorm::display_width(line) <= 100);
  CHECK(text.find("\033") == std::string::npos);
  CHECK(text.find("50.00 %") != std::string::npos);
  CHECK(text.find("prior sets 71.50, Score with them (at half weight) -") != std::string::npos);
  CHECK(text.find("chosen longer 75.00 % of 4, shorter 66.67 % of 6, margin ~ length -0.250") !=
        std::string::npos);
}

TEST_CASE("a subset without pairs has no interval", "[unit]") {
  EvaluationReport report = example();
  report.subsets = {{"empty", 0, 0, 0, {0, 1}}};
  CHECK(evaluation_text(report).find("0.0 - 100.0") == std::string::npos);
}

TEST_CASE("an evaluation names the sections that the current counts change", "[unit]") {
  EvaluationReport report = example();
  report.benchmark = "reward_bench";
  report.figures.reward_bench = Benchmark{"set", {scorer(92.2, 90.55)}};
  report.current_counts = scorer(90.5, 90.125);
  const std::string text = evaluation_text(report);
  CHECK(text.find("by the counts of rewardbench 0.1.3 and later, as on the leaderboard: Safety 90.50, "
                  "Score 90.12\n") != std::string::npos);
  CHECK(text.find("b\\") == std::string::npos);  // subsets are in the benchmark's table alone
  const nlohmann::json out = to_json(report);
  CHECK(out["reward_bench"][0]["sections"][2]["score"] == 92.2);
  CHECK(out["reward_bench_current_counts"]["sections"][2]["score"] == 90.5);
  CHECK(out["reward_bench_current_counts"]["score"] == 90.125);
}

TEST_CASE("an evaluation's JSON has counts, and no figure that was not measured", "[unit]") {
  const nlohmann::json out = to_json(example());
  CHECK(out["rows"] == nlohmann::json{{"read", 12}, {"bad", 2}, {"without_pairs", 0}});
  CHECK(
      out["all"] ==
      nlohmann::json{{"n", 10}, {"correct", 7}, {"ties", 1}, {"accuracy", 0.7}, {"low", 0.4}, {"high", 0.9}});
  CHECK(out["subsets"][1]["name"] == "b\033[31m");
  CHECK(out["logit_scale"].is_null());
  for (const char* absent : {"prior_sets", "reward_bench", "reward_bench_current_counts", "training"})
    CHECK_FALSE(out.contains(absent));
}
