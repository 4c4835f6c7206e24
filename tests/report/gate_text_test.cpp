// The tables of stage2-train on the terminal, laid out manually.
#include "report/gate_text.h"

#include <sstream>

#include "support/test_support.h"

using namespace armorm;
using namespace armorm::report;
using Catch::Contains;

namespace {

BenchmarkScorer scorer(const std::string& name, double score, const stats::Interval& interval,
                       double p_value) {
  BenchmarkScorer out;
  out.name = name;
  out.score = score;
  out.interval = interval;
  out.p_value = p_value;
  return out;
}

}  // namespace

TEST_CASE("the table of penalties says which attribute misses the threshold", "[unit]") {
  Debiasing debiasing;
  debiasing.attributes = {{"first", 0.25, 0.5, stats::kNotMeasured, true},
                          {"second", 0, -0.125, -0.125, false}};
  CHECK(debiasing_text(debiasing) ==
        "attribute    penalty  corr before  corr after\n"
        "---------------------------------------------\n"
        "first           0.25       0.5000           -\n"
        "second     0 (unmet)      -0.1250     -0.1250\n");
  debiasing.length_target = true;
  CHECK_THAT(debiasing_text(debiasing), Contains("corr length before  corr length after\n"));
}

TEST_CASE("the table of seeds marks the kept one, and a single seed has none", "[unit]") {
  TrainingFigures training;
  training.runs = {{7, 100, 0.5, 0.75, {}, {}, false}, {8, 300, 0.875, 0.25, {}, {}, true}};
  training.kept = 1;
  training.accuracy = {0.6875, 0.2652};
  training.loss = {0.5, 0.35355};
  CHECK(seeds_text(training) ==
        "seed                step  accuracy    loss\n"
        "------------------------------------------\n"
        "7                    100   50.00 %  0.7500\n"
        "8 (kept)             300   87.50 %  0.2500\n"
        "mean                       68.75 %  0.5000\n"
        "standard deviation         26.52 %  0.3535\n");
  training.runs.pop_back();
  training.kept = 0;
  CHECK(seeds_text(training).empty());
}

TEST_CASE("the gate's weights are shown with their entropy and its limit", "[unit]") {
  // The natural logarithm of 2 attributes is 0.6931.
  const UsageFigures usage{40, {{"a", 0.75, 1}, {"b", 0.25, 0}}, 0.5, 0.5625, 0.0625, {}};
  CHECK(usage_text(usage) ==
        "gate's weight (40 prompts)     mean  is the largest\n"
        "---------------------------------------------------\n"
        "a                           75.00 %        100.00 %  ####################\n"
        "b                           25.00 %          0.00 %  #######\n"
        "entropy 0.500 of at most 0.693 nats; the prompt decides 0.0625 nats\n");
  // A third of 20 columns is 6 and five eighths, rounded.
  CHECK_THAT(usage_text(usage, {100, true}), Contains("  \u2588\u2588\u2588\u2588\u2588\u2588\u258b\n"));
}

TEST_CASE("scorers are compared in percent, with the p-value of all but the gate", "[unit]") {
  CHECK(comparison_text("pairs",
                        {{"gate", 0.9, {0.8, 0.954}, 0.3, {}},
                         {"uniform", 0.5, {0.25, 0.75}, 0.6931472, AgainstGate{1, 2, 3, 4, 0.0123}}},
                        20) ==
        "pairs (20 pairs)  accuracy  95 % interval    loss  p against gate\n"
        "-----------------------------------------------------------------\n"
        "gate               90.00 %    80.0 - 95.4  0.3000\n"
        "uniform            50.00 %    25.0 - 75.0  0.6931           0.012\n");
}

TEST_CASE("the table of RewardBench has subsets, sections and score", "[unit]") {
  BenchmarkScorer gate = scorer("gate", 75, {70, 80}, stats::kNotMeasured);
  gate.subsets = {{"easy", 4, 3, {0.301, 0.954}, stats::kNotMeasured}};
  gate.sections = {{"Chat", 4, 75, {30.1, 95.4}, stats::kNotMeasured, {}},
                   {"Safety", 0, stats::kNotMeasured, {}, stats::kNotMeasured, {}}};
  BenchmarkScorer other = scorer("other", 50, {40, 60}, 0.25);
  other.subsets = {{"easy", 4, 1, {0.046, 0.699}, 0.5}};
  other.sections = {{"Chat", 4, 25, {4.6, 69.9}, 0.0325, {}},
                    {"Safety", 0, stats::kNotMeasured, {}, stats::kNotMeasured, {}}};
  CHECK(reward_bench_text({"set", {gate, other}}) ==
        "RewardBench, subset  n          gate         other\n"
        "--------------------------------------------------\n"
        "easy                 4  75.0 (30-95)   25.0 (5-70)\n"
        "\n"
        "RewardBench, section  n              gate              other\n"
        "------------------------------------------------------------\n"
        "Chat                  4  75.0 (30.1-95.4)   25.0 (4.6-69.9)*\n"
        "Safety                0                 -                  -\n"
        "Score                    75.0 (70.0-80.0)   50.0 (40.0-60.0)\n"
        "in percent, with 95 % intervals; * = differs from the gate with p < 0.05\n");
}

TEST_CASE("the table of RewardBench 2 has no p-values", "[unit]") {
  BenchmarkScorer gate = scorer("gate", stats::kNotMeasured, {}, stats::kNotMeasured);
  gate.sections = {{"Ties", 30, 52.834, {40, 65.25}, stats::kNotMeasured, {}}};
  CHECK(reward_bench_2_text({"set", {gate}}) ==
        "RewardBench 2   n              gate\n"
        "-----------------------------------\n"
        "Ties           30  52.8 (40.0-65.2)\n"
        "Score                             -\n");
}

TEST_CASE("length bias is a gap in points, with the sign", "[unit]") {
  LengthBiasFigures bias{"set", "gate", {4, 3, 0.75, {0.301, 0.954}}, {2, 1, 0.5, {0.095, 0.905}}, {},
                         0.25,  -0.0584};
  CHECK(length_bias_text({bias}) ==
        "length bias, set (%)  chosen longer (4)  chosen shorter (2)  equal (0)    gap  margin ~ length\n"
        "----------------------------------------------------------------------------------------------\n"
        "gate                       75.0 (30-95)        50.0 (10-90)          -  +25.0           -0.058\n");
  bias.gap = bias.margin_correlation = stats::kNotMeasured;
  CHECK_THAT(length_bias_text({bias}), Catch::EndsWith("  -                -\n"));
  CHECK(length_bias_text({}).empty());
}

TEST_CASE("tables of four scorers with long names fit a line", "[unit]") {
  const std::string best = "best attribute (ultrafeedback-instruction_following)";
  const stats::Interval all{1, 1};
  std::vector<BenchmarkScorer> scorers;
  std::vector<ScorerFigures> figures;
  std::vector<LengthBiasFigures> biases;
  for (const std::string& name :
       {std::string("gate"), std::string("gate, rewards not debiased"), best, std::string("uniform gate")}) {
    BenchmarkScorer one = scorer(name, 100, {99.9, 100}, 0.01);
    one.subsets = {{"xstest-should-respond", 4470, 4470, all, 0.01}};
    one.sections = {{"Chat Hard", 4470, 100, {99.9, 100}, 0.01, {}}};
    scorers.push_back(one);
    figures.push_back({name, 1, all, 12.3456, AgainstGate{1, 2, 3, 4, 1e-101}});
    biases.push_back(
        {"validation", name, {20000, 1, 1, all}, {20000, 1, 1, all}, {2000, 1, 1, all}, -1, -0.5});
  }
  for (const std::size_t columns : {std::size_t{60}, std::size_t{80}, std::size_t{100}}) {
    const TextStyle style{columns, false};
    for (const std::string& text :
         {reward_bench_text({"set", scorers}, style), reward_bench_2_text({"set", scorers}, style),
          comparison_text("validation", figures, 20000, style), length_bias_text(biases, style)}) {
      std::istringstream lines(text);
      for (std::string line; std::getline(lines, line);) CHECK(line.size() <= columns);
    }
  }
  for (BenchmarkScorer& one : scorers) one.sections[0].p_value = one.p_value = stats::kNotMeasured;
  // One part each in a line of 100.
  CHECK_THAT(reward_bench_2_text({"set", scorers}), !Contains("\n\n"));
  CHECK_THAT(length_bias_text(biases), !Contains("\n\n"));
}
