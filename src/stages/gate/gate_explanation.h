// Why a gate scores pairs as it does: its weights by kind of prompt, and what each attribute adds to the
// scores of chosen examples.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

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

// Appends to report["gate_by_kind"]
//   {"set", "by": "subset" | "largest attribute", "kinds": [{"name", "n", "weights" [K]}]}
// with the mean of the first sides' weights before logit_scale, and to report["examples"]
//   {"set", "rows": [{"why", "position", "row_id", "subset", "prompts_differ", "margin", "score", "gate",
//   "reward",
//                     "debiased", "contribution"}]}
// where the last five hold "chosen" and "rejected", of which all but "score" are lists [K]:
//   contribution_k = logit_scale * gate_k * debiased_k, debiased = reward T, score = sum of contributions.
// "position" counts the set's pairs, "row_id" those of the source split (null for files of the Python
// scripts).
void explain(const GateScorer& scorer, const ExplainedSet& set, const std::vector<std::string>& attributes,
             nlohmann::json& report);

}  // namespace armorm
