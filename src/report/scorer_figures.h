// Figures of scorers on preference pairs and benchmarks, as in the report of stage2-train.
//
// A figure that was not measured is NaN. Accuracies are in [0, 1], scores of benchmarks in percent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stats/interval.h"

namespace armorm::report {

// McNemar's exact test of a scorer against the gate, on the same pairs.
struct AgainstGate {
  std::int64_t both_right = 0;
  std::int64_t only_gate_right = 0;
  std::int64_t only_this_right = 0;
  std::int64_t both_wrong = 0;
  double p_value = stats::kNotMeasured;  // two-sided
};

// A scorer on preference pairs.
struct ScorerFigures {
  std::string name;
  double accuracy = stats::kNotMeasured;
  stats::Interval interval;  // 95 % interval of the accuracy
  double loss = stats::kNotMeasured;
  std::optional<AgainstGate> against_gate;  // absent for the gate itself
};

// A preference set on which the scorers were compared after the training.
struct EvaluatedSet {
  std::string name;
  std::int64_t pairs = 0;
  std::vector<ScorerFigures> scorers;
};

// Pairs whose chosen answer is longer, shorter, or equally long.
struct LengthCase {
  std::int64_t n = 0;
  std::int64_t correct = 0;
  double accuracy = stats::kNotMeasured;
  stats::Interval interval;  // 95 % interval of the accuracy
};

struct LengthBiasFigures {
  std::string set;   // "validation", "RewardBench", or the name of an EvaluatedSet
  std::string name;  // name of the scorer
  LengthCase chosen_longer;
  LengthCase chosen_shorter;
  LengthCase equal;
  double gap = stats::kNotMeasured;  // accuracy where chosen is longer minus where it is shorter
  double margin_correlation =
      stats::kNotMeasured;  // Spearman correlation of score margin and length difference
};

struct SectionScore {
  std::string name;
  std::int64_t n = 0;  // pairs of RewardBench, prompts of RewardBench 2
  double score = stats::kNotMeasured;
  stats::Interval interval = {};          // 95 %, in percent
  double p_value = stats::kNotMeasured;   // RewardBench: against the gate
  std::vector<std::string> missing = {};  // RewardBench: subsets of the section without pairs
};

struct SubsetAccuracy {
  std::string name;
  std::int64_t n = 0;  // pairs, above 0
  std::int64_t correct = 0;
  stats::Interval interval;              // 95 % interval of the accuracy
  double p_value = stats::kNotMeasured;  // against the gate
};

// Components of the score of RewardBench 2's section Ties.
struct TiesFigures {
  double ref_accuracy = stats::kNotMeasured;
  double tied_accuracy = stats::kNotMeasured;
  double preferred = stats::kNotMeasured;
  double preferred_hard = stats::kNotMeasured;
  double margin = stats::kNotMeasured;
};

struct BenchmarkScorer {
  std::string name;
  double score = stats::kNotMeasured;
  stats::Interval interval;              // 95 %, in percent
  double p_value = stats::kNotMeasured;  // RewardBench: against the gate
  std::vector<SectionScore> sections;
  std::vector<SubsetAccuracy> subsets;  // RewardBench
  TiesFigures ties;                     // RewardBench 2
};

// RewardBench or RewardBench 2. All scorers have the same sections and subsets, in the same order.
struct Benchmark {
  std::string dataset;
  std::vector<BenchmarkScorer> scorers;
};

}  // namespace armorm::report
