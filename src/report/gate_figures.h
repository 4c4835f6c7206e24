// Figures of debiasing, training and the trained gate, as in the report of stage2-train.
//
// A figure that was not measured is NaN. Accuracies, shares and weights are in [0, 1]. Lists [K] are in the
// order of the attributes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "stats/interval.h"

namespace armorm::report {

struct PenaltyFigures {
  std::string name;  // name of the attribute
  double penalty = stats::kNotMeasured;
  double correlation_before = stats::kNotMeasured;
  double correlation_after = stats::kNotMeasured;
  bool met = true;  // whether the threshold was met
};

struct Debiasing {
  std::vector<PenaltyFigures> attributes;  // [K]
  bool length_target = false;  // correlations with the answer's length, not with the verbosity reward
  double threshold = stats::kNotMeasured;  // limit for the correlations
  std::vector<float> transform;            // T [K, K] row-major
  bool transform_applied = true;           // scores and trained gate use T
};

struct TrainingStep {
  std::int64_t step = 0;
  double loss = stats::kNotMeasured;  // mean over the training pairs since the previous entry
  double learning_rate = stats::kNotMeasured;
  double logit_scale = stats::kNotMeasured;
};

struct ValidationStep {
  std::int64_t step = 0;
  double accuracy = stats::kNotMeasured;
  double loss = stats::kNotMeasured;
};

struct TrainingRun {
  std::int64_t seed = 0;
  std::int64_t kept_step = 0;
  double accuracy = stats::kNotMeasured;  // after kept_step, on the validation pairs
  double loss = stats::kNotMeasured;
  std::vector<TrainingStep> train;         // ascending steps
  std::vector<ValidationStep> validation;  // ascending steps
  bool stopped_early = false;
};

struct MeanAndDeviation {
  double mean = stats::kNotMeasured;
  double deviation = stats::kNotMeasured;  // standard deviation (n - 1)
};

struct TrainingFigures {
  std::vector<TrainingRun> runs;  // one per seed, at least one
  std::size_t kept = 0;           // index of the run whose gate is published
  MeanAndDeviation accuracy;      // over the seeds
  MeanAndDeviation loss;

  const TrainingRun& kept_run() const { return runs.at(kept); }
};

struct AttributeUsage {
  std::string name;
  double mean_weight = stats::kNotMeasured;
  double top_share = stats::kNotMeasured;  // share of the prompts in which the attribute weighs most
};

struct UsageFigures {
  std::int64_t n = 0;                         // prompts
  std::vector<AttributeUsage> attributes;     // [K]
  double mean_entropy = stats::kNotMeasured;  // nats
  double load_entropy = stats::kNotMeasured;
  double information = stats::kNotMeasured;
  std::vector<std::string> warnings;  // signs of a collapsed gate
};

struct KindWeights {
  std::string name;
  std::int64_t n = 0;           // prompts
  std::vector<double> weights;  // [K] mean
};

// The gate's weights by kind of prompt, before the logit scale.
struct WeightsByKind {
  std::string set;
  std::string by;  // meaning of the kinds: "subset", "largest attribute" or "source"
  std::vector<KindWeights> kinds;
};

template <class T>
struct BothSides {
  T chosen = {};
  T rejected = {};
};

struct Turn {
  std::string role;
  std::string text;
};

// What the data set holds for a pair.
struct PairTexts {
  std::vector<Turn> prompt;           // of both sides, or of the chosen one
  std::vector<Turn> rejected_prompt;  // where the rejected side has another one
  BothSides<std::vector<Turn>> answer;
};

// The smallest change of the gate's weights after which the other answer wins (eval/gate_flip.h).
struct FlipFigures {
  bool possible = false;
  double moved = stats::kNotMeasured;  // share of the weight that changes its attribute
  std::vector<double> change;          // [K] of the shares; empty if none is possible
};

// A prompt that the gate was trained on.
struct NearPrompt {
  std::int64_t row_id = 0;             // in the training's split
  double moved = stats::kNotMeasured;  // share of the weight in which the two prompts differ
  std::vector<double> shares;          // [K] its weights, which sum to 1
};

// A pair with the contributions to its scores: contribution_k = logit scale * gate_k * debiased_k, debiased =
// reward T; the score is the sum of the contributions.
struct ExamplePair {
  std::string why;                     // reason for choosing it
  std::int64_t position = 0;           // index in the set
  std::optional<std::int64_t> row_id;  // row in the source split; absent for files of the Python scripts
  std::string subset;                  // empty if the set has no subsets
  bool prompts_differ = false;
  double margin = stats::kNotMeasured;
  BothSides<double> score{stats::kNotMeasured, stats::kNotMeasured};
  BothSides<std::vector<double>> gate;  // [K], like all below
  BothSides<std::vector<double>> reward;
  BothSides<std::vector<double>> debiased;
  BothSides<std::vector<double>> contribution;
  // Of pairs that are shown with their reasons:
  std::optional<BothSides<std::int64_t>> answers;  // numbers in the row, of rows with several
  std::optional<PairTexts> texts;
  std::optional<FlipFigures> flip;
  std::vector<NearPrompt> nearest;  // ascending `moved`
};

struct ExampleSet {
  std::string set;
  std::vector<ExamplePair> rows;
};

}  // namespace armorm::report
