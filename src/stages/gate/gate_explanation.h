// Explains the scores of pairs: the gate's weights by kind of prompt, and the contributions of the attributes
// to the scores of chosen examples.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/gate_figures.h"
#include "stages/gate/gate_evaluation.h"

namespace armorm::stages::gate {

constexpr std::size_t kExamplesPerGroup = 3;
constexpr const char* kSurestWrong = "surest and wrong";

// A set of pairs and its name. The kinds of prompts are the set's subsets, in the order of `subset_order` if
// that names them. In a set without subsets, prompts are grouped by the attribute with the largest weight.
struct ExplainedSet {
  std::string name;
  const PairRewards& pairs;
  std::span<const std::int64_t> rows;
  std::vector<std::string> subset_order = {};
  std::size_t wrong = kExamplesPerGroup;  // examples that are surest and wrong
};

struct Explanation {
  report::WeightsByKind weights;                   // mean over the first sides, before logit_scale
  std::optional<report::WeightsByKind> by_source;  // the same by source of the pairs, if the set has sources
  report::ExampleSet examples;                     // numbers are the shortest decimals of their float32
};
Explanation explain(const GateScorer& scorer, const ExplainedSet& set,
                    const std::vector<std::string>& attributes);

}  // namespace armorm::stages::gate
