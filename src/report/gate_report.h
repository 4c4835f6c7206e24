// The report of stage2-train as plain data. The run fills it; the JSON file, the HTML page, the model card
// and the tables on the terminal are made from it.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "report/gate_figures.h"
#include "report/scorer_figures.h"
#include "report/source_figures.h"

namespace armorm::report {

using SourceValue = std::variant<std::string, std::int64_t, bool, std::vector<std::string>,
                                 std::map<std::string, std::int64_t>>;

// Files that the run read. The known facts depend on the program that wrote them.
struct Source {
  std::string role;
  std::map<std::string, SourceValue> properties;
};

struct Output {
  std::string file;  // name without folder
  std::string sha256;
  std::uint64_t bytes = 0;
};

struct PairCounts {
  std::int64_t train = 0;
  std::int64_t validation = 0;
  std::int64_t prompts_differ = 0;  // pairs whose sides have different prompts
};

struct GateReport {
  std::string armorm_version;
  std::string model;
  std::map<std::string, std::string> options;  // as text; without those that only name outputs
  bool upstream = false;                // the softmax runs over the two sides of a pair, and T is not applied
  std::vector<std::string> attributes;  // [K] names
  double logit_scale = stats::kNotMeasured;
  std::optional<Debiasing> debiasing;
  std::optional<PairCounts> pairs;
  std::optional<TrainingFigures> training;
  std::vector<ScorerFigures> validation;
  std::optional<UsageFigures> gate_usage;
  std::vector<WeightsByKind> gate_by_kind;
  std::optional<Benchmark> reward_bench;
  std::optional<Benchmark> reward_bench_2;
  std::vector<EvaluatedSet> eval;
  std::vector<LengthBiasFigures> length_bias;
  std::vector<SetBySource> by_source;  // of the sets whose pairs have sources
  std::vector<ExampleSet> examples;
  std::vector<Source> sources;
  std::vector<Output> outputs;
};

// The published JSON. Absent and empty members are left out, except length_bias, which is a list even if
// empty; a figure that was not measured is null; an interval is "low" and "high". "training" repeats the
// curves of the kept run of "seeds".
nlohmann::json to_json(const GateReport& report);

}  // namespace armorm::report
