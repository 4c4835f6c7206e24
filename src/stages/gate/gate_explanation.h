// Why a gate scores pairs as it does: its weights by kind of prompt, and what each attribute adds to the
// scores of chosen examples.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/gate_figures.h"
#include "stages/gate/gate_evaluation.h"

namespace armorm {

// A set of pairs and what to call it. Kinds of prompts are the set's subsets, in the order of `subset_order`
// where that names them; of a set without subsets, prompts are sorted by the attribute that weighs most.
struct ExplainedSet {
  std::string name;
  const PairRewards& pairs;
  std::span<const std::int64_t> rows;
  std::vector<std::string> subset_order = {};
};

struct Explanation {
  report::WeightsByKind weights;  // mean over the first sides, before logit_scale
  report::ExampleSet examples;    // numbers are the shortest decimals of their float32
};
Explanation explain(const GateScorer& scorer, const ExplainedSet& set,
                    const std::vector<std::string>& attributes);

}  // namespace armorm
