// The report of an evaluation of a finished model on preference data, as plain data.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/gate_report.h"
#include "report/text_style.h"

namespace armorm::report {

// Pairs, or rows of best-of-n data, which are right where all other answers have lower scores.
struct PairCount {
  std::string subset;  // empty = all
  std::int64_t n = 0;
  std::int64_t correct = 0;
  std::int64_t ties = 0;     // of those that are not right: no answer to choose has a higher score
  stats::Interval interval;  // 95 % interval of the accuracy

  double accuracy() const { return static_cast<double>(correct) / static_cast<double>(n); }
};

struct EvaluationReport {
  GateReport figures;  // the parts of stage2-train's report that an evaluation has
  std::string set;     // as the user named it
  std::string split;
  std::string benchmark;  // its word: none, reward_bench, reward_bench_2
  std::int64_t rows = 0;
  std::int64_t bad_rows = 0;
  std::int64_t rows_without_pairs = 0;
  PairCount all;
  std::vector<PairCount> subsets;  // of a set that has some, in the order of the data
  // RewardBench: sections by the counts of the package rewardbench from 0.1.3 on; the report has those of the
  // papers.
  std::optional<BenchmarkScorer> current_counts;
  double prior_sets = stats::kNotMeasured;
  double score_with_prior_sets = stats::kNotMeasured;
};

// The keys of stage2-train's report, and those of this one. A figure that was not measured is null.
nlohmann::json to_json(const EvaluationReport& report);

// Tables for the terminal.
std::string evaluation_text(const EvaluationReport& report, const TextStyle& style = {});

}  // namespace armorm::report
