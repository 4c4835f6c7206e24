// The JSON report of stage2-train, compared with manually written documents.
#include "report/gate_report.h"

#include <nlohmann/json.hpp>
#include <set>

#include "support/gate_report_example.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::report;
using nlohmann::json;

namespace {

// The published text of one member, without blanks.
std::string part_of(const GateReport& report, const char* key) { return to_json(report).at(key).dump(); }

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

}  // namespace

TEST_CASE("a report without parts holds what every run has", "[unit]") {
  CHECK(
      to_json(GateReport{}).dump() ==
      R"({"armorm_version":"","attributes":[],"length_bias":[],"logit_scale":null,"model":"","options":{}})");
}

TEST_CASE("a report with all parts holds every key", "[unit]") {
  const std::set<std::string> keys{"armorm_version",
                                   "attributes",
                                   "by_source",
                                   "debiasing",
                                   "eval",
                                   "examples",
                                   "gate_by_kind",
                                   "gate_usage",
                                   "length_bias",
                                   "logit_scale",
                                   "model",
                                   "options",
                                   "outputs",
                                   "pairs",
                                   "reward_bench",
                                   "reward_bench_2",
                                   "seeds",
                                   "sources",
                                   "training",
                                   "transform",
                                   "transform_applied",
                                   "validation",
                                   "verbosity_target"};
  CHECK(keys_of(to_json(test::gate_report_example({}))) == keys);
}

TEST_CASE("the report names program, model, options and pairs", "[unit]") {
  GateReport report;
  report.armorm_version = "0.9";
  report.model = "decoder";
  report.options = {{"seed", "0"}, {"compat", "none"}};
  report.attributes = {"b", "a"};
  report.logit_scale = 9.5;
  report.pairs = {8, 2, 1};
  CHECK(
      to_json(report).dump() ==
      R"({"armorm_version":"0.9","attributes":["b","a"],"length_bias":[],"logit_scale":9.5,"model":"decoder",)"
      R"("options":{"compat":"none","seed":"0"},"pairs":{"prompts_differ":1,"train":8,"validation":2}})");
}

TEST_CASE("scorers have an interval, and a test against the gate where they are not it", "[unit]") {
  GateReport report;
  report.validation = {{"gate", 0.75, {0.5, 1}, stats::kNotMeasured, {}},
                       {"uniform", 0.5, {0.25, 0.75}, 0.5, AgainstGate{1, 2, 3, 4, 0.125}}};
  const std::string gate = R"({"accuracy":0.75,"high":1.0,"loss":null,"low":0.5,"name":"gate"})";
  CHECK(part_of(report, "validation") ==
        "[" + gate +
            R"(,{"accuracy":0.5,"against_gate":{"both_right":1,"both_wrong":4,"only_gate_right":2,)"
            R"("only_this_right":3,"p_value":0.125},"high":0.75,"loss":0.5,"low":0.25,"name":"uniform"}])");
  report.eval = {{"further", 10, {report.validation.front()}}};
  CHECK(part_of(report, "eval") == R"([{"name":"further","pairs":10,"scorers":[)" + gate + "]}]");
}

TEST_CASE("RewardBench has p-values for all scorers but the gate", "[unit]") {
  BenchmarkScorer gate;
  gate.name = "gate";
  gate.score = 62.5;
  gate.interval = {50, 75};
  gate.sections = {{"Chat", 4, 62.5, {50, 75}, stats::kNotMeasured, {"mt-bench-med"}}};
  gate.subsets = {{"alpacaeval-easy", 4, 3, {0.25, 0.875}, stats::kNotMeasured}};
  BenchmarkScorer other = gate;
  other.name = "other";
  other.p_value = 0.5;
  other.subsets.front().p_value = 0.25;
  GateReport report;
  report.reward_bench = Benchmark{"not in the JSON", {gate, other}};
  CHECK(
      part_of(report, "reward_bench") ==
      R"([{"high":75.0,"low":50.0,"name":"gate","score":62.5,"sections":[{"high":75.0,"low":50.0,)"
      R"("missing":["mt-bench-med"],"n":4,"name":"Chat","score":62.5}],"subsets":[{"correct":3,)"
      R"("high":0.875,"low":0.25,"n":4,"name":"alpacaeval-easy"}]},)"
      R"({"high":75.0,"low":50.0,"name":"other","p_value":0.5,"score":62.5,"sections":[{"high":75.0,"low":50.0,)"
      R"("missing":["mt-bench-med"],"n":4,"name":"Chat","p_value":null,"score":62.5}],"subsets":[{"correct":3,)"
      R"("high":0.875,"low":0.25,"n":4,"name":"alpacaeval-easy","p_value":0.25}]}])");
}

TEST_CASE("RewardBench 2 takes the score of Ties apart", "[unit]") {
  BenchmarkScorer gate;
  gate.name = "gate";
  gate.sections = {{"Ties", 30, 52.5, {40, 65}, stats::kNotMeasured, {}}};
  gate.ties = {0.5, 0.25, 0.75, 1, stats::kNotMeasured};
  GateReport report;
  report.reward_bench_2 = Benchmark{"rb2", {gate}};
  CHECK(
      part_of(report, "reward_bench_2") ==
      R"({"name":"rb2","scorers":[{"high":null,"low":null,"name":"gate","score":null,)"
      R"("sections":[{"high":65.0,"low":40.0,"n":30,"name":"Ties","score":52.5}],)"
      R"("ties":{"margin":null,"preferred":0.75,"preferred_hard":1.0,"ref_accuracy":0.5,"tied_accuracy":0.25}}]})");
}

TEST_CASE("length bias has three groups of pairs", "[unit]") {
  GateReport report;
  report.length_bias = {
      {"validation", "gate", {4, 3, 0.75, {0.5, 1}}, {2, 1, 0.5, {0, 1}}, {}, 0.25, stats::kNotMeasured}};
  CHECK(part_of(report, "length_bias") ==
        R"([{"chosen_longer":{"accuracy":0.75,"correct":3,"high":1.0,"low":0.5,"n":4},)"
        R"("chosen_shorter":{"accuracy":0.5,"correct":1,"high":1.0,"low":0.0,"n":2},)"
        R"("equal":{"accuracy":null,"correct":0,"high":null,"low":null,"n":0},)"
        R"("gap":0.25,"margin_correlation":null,"name":"gate","set":"validation"}])");
}

TEST_CASE("figures by source hold every scorer, and length bias where lengths are known", "[unit]") {
  GateReport report;
  SourceScorer gate{"gate", "short", 3, {0.25, 1}, 0.5, {}};
  gate.length_bias = {"validation", "gate", {4, 3, 0.75, {0.5, 1}}, {}, {}, stats::kNotMeasured, 0.25};
  report.by_source = {{"validation",
                       {{"hh", 4, {gate, {"uniform", "", 1, {0, 0.5}, 0.75, {}}}},
                        {"none", 0, {{"gate", "short", 0, {0, 1}, stats::kNotMeasured, {}}}}}}};
  const std::string nothing = R"({"accuracy":null,"correct":0,"high":null,"low":null,"n":0})";
  CHECK(part_of(report, "by_source") ==
        R"([{"set":"validation","sources":[{"name":"hh","pairs":4,"scorers":[)"
        R"({"accuracy":0.75,"correct":3,"high":1.0,"length_bias":{"chosen_longer":)"
        R"({"accuracy":0.75,"correct":3,"high":1.0,"low":0.5,"n":4},"chosen_shorter":)" +
            nothing + R"(,"equal":)" + nothing +
            R"(,"gap":null,"margin_correlation":0.25},"loss":0.5,"low":0.25,"name":"gate"},)"
            R"({"accuracy":0.25,"correct":1,"high":0.5,"loss":0.75,"low":0.0,"name":"uniform"}]},)"
            R"({"name":"none","pairs":0,"scorers":[)"
            R"({"accuracy":null,"correct":0,"high":1.0,"loss":null,"low":0.0,"name":"gate"}]}]}])");
}

TEST_CASE("debiasing is four keys of the report", "[unit]") {
  Debiasing debiasing;
  debiasing.attributes = {{"a", 0.25, 0.5, stats::kNotMeasured, false}};
  debiasing.length_target = true;
  debiasing.threshold = 0.03;
  debiasing.transform = {1, -0.25F, 0, 1};
  debiasing.transform_applied = false;
  GateReport report;
  report.debiasing = debiasing;
  CHECK(part_of(report, "debiasing") ==
        R"([{"correlation_after":null,"correlation_before":0.5,"met":false,"name":"a","penalty":0.25}])");
  CHECK(part_of(report, "verbosity_target") == "\"length\"");
  CHECK(part_of(report, "transform") == "[1.0,-0.25,0.0,1.0]");
  CHECK(part_of(report, "transform_applied") == "false");
  report.debiasing->length_target = false;
  CHECK(part_of(report, "verbosity_target") == "\"attribute\"");
}

TEST_CASE("the training is that of the kept seed, and all seeds have theirs", "[unit]") {
  const TrainingRun first{7, 10, 0.5, 0.75, {{10, 0.75, 0.125, 9}}, {{10, 0.5, 0.75}}, false};
  const TrainingRun second{
      8, 20, 0.75, 0.5, {{20, stats::kNotMeasured, 0.25, 9.5}}, {{20, 0.75, stats::kNotMeasured}}, true};
  GateReport report;
  report.training = TrainingFigures{{first, second}, 1, {0.625, 0.125}, {stats::kNotMeasured, 0.25}};
  const std::string first_curves =
      R"({"kept_step":10,"stopped_early":false,"train":[{"learning_rate":0.125,"logit_scale":9.0,"loss":0.75,)"
      R"("step":10}],"validation":[{"accuracy":0.5,"loss":0.75,"step":10}]})";
  const std::string second_curves =
      R"({"kept_step":20,"stopped_early":true,"train":[{"learning_rate":0.25,"logit_scale":9.5,"loss":null,)"
      R"("step":20}],"validation":[{"accuracy":0.75,"loss":null,"step":20}]})";
  CHECK(part_of(report, "training") == second_curves);
  CHECK(
      part_of(report, "seeds") ==
      R"({"accuracy":{"deviation":0.125,"mean":0.625},"kept":8,"loss":{"deviation":0.25,"mean":null},"runs":[)"
      R"({"accuracy":0.5,"loss":0.75,"seed":7,"step":10,"training":)" +
          first_curves + R"(},{"accuracy":0.75,"loss":0.5,"seed":8,"step":20,"training":)" + second_curves +
          "}]}");
}

TEST_CASE("the gate's weights are there for the validation pairs and by kind of prompt", "[unit]") {
  GateReport report;
  report.gate_usage = UsageFigures{4, {{"a", 0.75, 1}}, 0.5, 0.625, 0.125, {"collapsed"}};
  report.gate_by_kind = {{"validation", "subset", {{"x", 3, {0.75, stats::kNotMeasured}}}}};
  CHECK(part_of(report, "gate_usage") ==
        R"({"attributes":[{"mean_weight":0.75,"name":"a","top_share":1.0}],"information":0.125,)"
        R"("load_entropy":0.625,"mean_entropy":0.5,"n":4,"warnings":["collapsed"]})");
  CHECK(part_of(report, "gate_by_kind") ==
        R"([{"by":"subset","kinds":[{"n":3,"name":"x","weights":[0.75,null]}],"set":"validation"}])");
}

TEST_CASE("an example has both sides of every quantity", "[unit]") {
  ExamplePair pair;
  pair.why = "closest";
  pair.position = 5;
  pair.margin = 0.5;
  pair.score = {1.5, 1};
  pair.gate = {{0.25}, {0.5}};
  pair.reward = {{1}, {2}};
  pair.debiased = {{3}, {4}};
  pair.contribution = {{5}, {stats::kNotMeasured}};
  GateReport report;
  report.examples = {{"validation", {pair}}};
  const std::string sides =
      R"("contribution":{"chosen":[5.0],"rejected":[null]},"debiased":{"chosen":[3.0],"rejected":[4.0]},)"
      R"("gate":{"chosen":[0.25],"rejected":[0.5]},"margin":0.5,"position":5,"prompts_differ":false,)"
      R"("reward":{"chosen":[1.0],"rejected":[2.0]},)";
  CHECK(
      part_of(report, "examples") ==
      R"([{"rows":[{)" + sides +
          R"("row_id":null,"score":{"chosen":1.5,"rejected":1.0},"subset":null,"why":"closest"}],"set":"validation"}])");
  report.examples.front().rows.front().row_id = 0;
  report.examples.front().rows.front().subset = "easy";
  CHECK(
      part_of(report, "examples") ==
      R"([{"rows":[{)" + sides +
          R"("row_id":0,"score":{"chosen":1.5,"rejected":1.0},"subset":"easy","why":"closest"}],"set":"validation"}])");
}

TEST_CASE("sources have what is known of them, outputs their hash", "[unit]") {
  GateReport report;
  report.sources = {{"preference",
                     {{"rows", std::int64_t{3}},
                      {"batch_invariant", true},
                      {"files", std::vector<std::string>{"a", "b"}},
                      {"dropped", std::map<std::string, std::int64_t>{{"too long", 2}}},
                      {"model", "m"}}},
                    {"bare", {}}};
  report.outputs = {{"gate.pt", "abc", 123}};
  CHECK(
      part_of(report, "sources") ==
      R"([{"batch_invariant":true,"dropped":{"too long":2},"files":["a","b"],"model":"m","role":"preference",)"
      R"("rows":3},{"role":"bare"}])");
  CHECK(part_of(report, "outputs") == R"([{"bytes":123,"file":"gate.pt","sha256":"abc"}])");
}
