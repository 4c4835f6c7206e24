// Inputs of stage2-train: the regression weights and the embeddings of its preference sets, checked against
// each other.
#pragma once

#include <filesystem>
#include <memory_resource>
#include <optional>
#include <string>
#include <vector>

#include "armorm/stage2_train.h"
#include "report/gate_report.h"
#include "stages/artifacts/artifact_inputs.h"
#include "stages/artifacts/embedding_set.h"
#include "stages/artifacts/making_facts.h"
#include "stages/artifacts/regression_weights.h"
#include "stages/gate/pair_rewards.h"

namespace armorm::stages::gate {

// Pairs of a set that the options name.
struct SetSize {
  std::string role;
  std::int64_t pairs = 0;
};

struct GateInputs {
  std::string model;
  std::filesystem::path weights_stem;
  artifacts::RegressionWeights weights;
  artifacts::MakingFacts making;  // of the weights, completed by the sets
  std::vector<std::string> attributes;
  std::vector<report::Source> sources;  // the weights and the sets loaded so far
  artifacts::ArtifactInputs origin;     // of the gate: the weights, and the training and reference pairs
  std::vector<SetSize> sizes;           // of all sets, once they were opened
};

GateInputs open_inputs(const Stage2TrainOptions& options);

// The options with verbosity_dim and verbosity_attribute set to the attribute meant, or to -1 and "none".
// usage error if it is not an attribute of the weights, or not given and these are not the published ones.
Stage2TrainOptions with_verbosity(const Stage2TrainOptions& options, const GateInputs& inputs);

// Opens all sets that the options name. data error that lists how they, or the weights, were made
// differently, but for --accept_differences, which is recorded in inputs.origin. Completes inputs.making, and
// inputs.sizes.
void check_made_alike(const Stage2TrainOptions& options, GateInputs& inputs);

artifacts::EmbeddingSet open_preference_set(const Stage2TrainOptions& options, const GateInputs& inputs);

// A further preference set, as named by an option.
struct EvalSet {
  std::string name;
  PairRewards pairs;
};

struct GateSets {
  PairRewards preference;
  std::optional<PairRewards> reward_bench;
  std::optional<PairRewards> reward_bench_2;
  std::vector<EvalSet> eval;
};

// Loads all sets but the reference set, so that a missing one is an error before the training. data error if
// a benchmark lacks what its evaluation needs. RewardBench embeddings without subsets, such as those of the
// Python scripts, get them from the data set, which may be downloaded.
// Arrays of all pairs are in `memory`, which must outlive the sets.
GateSets load_sets(const Stage2TrainOptions& options, GateInputs& inputs, const StopRequested& stop,
                   std::pmr::memory_resource* memory);

// data error when a file of a set has changed since it was loaded.
void check_unchanged(const GateSets& sets);

// The pairs on which verbosity is measured; nullopt if they are the preference set.
std::optional<PairRewards> load_reference(const Stage2TrainOptions& options, GateInputs& inputs,
                                          std::pmr::memory_resource* memory);

}  // namespace armorm::stages::gate
