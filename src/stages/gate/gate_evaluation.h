// How good a trained gate is: beside the scorers that it must beat, on any preference set.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "eval/paired_test.h"
#include "eval/preference.h"
#include "gating/gate_usage.h"
#include "gating/trainer.h"
#include "stages/gate/pair_rewards.h"
#include "stats/proportion.h"

namespace armorm {

// A gate and how it is to be read.
struct GateScorer {
  GateParameters gate;
  GateSoftmax softmax = GateSoftmax::attributes;
  double temperature = 10.0;
  int device = -1;  // CUDA device index; -1 = CPU

  PairScores score(const PairData& data, std::span<const std::int64_t> rows) const;
};

// One scorer on some pairs; the first of a comparison is the gate.
struct Contender {
  std::string name;
  PairScores scores;
  PreferenceMetrics metrics;
  Proportion interval;                     // 95 % Wilson, of the accuracy
  std::optional<PairedTest> against_gate;  // absent for the gate itself
};

// The gate, every attribute alike, the attribute `best` alone, and, where the rewards were debiased, the gate
// on the rewards as they were before.
std::vector<Contender> compare_scorers_on(const GateScorer& scorer, const PairRewards& pairs,
                                          std::span<const std::int64_t> rows, std::int64_t best,
                                          const std::vector<std::string>& attributes);
std::string comparison_table(const std::string& title, const std::vector<Contender>& contenders,
                             std::int64_t n);
nlohmann::json comparison_json(const std::vector<Contender>& contenders);

// What the gate does with its attributes on these prompts; a sign of a collapse is also logged.
GateUsage gate_usage_on(const GateScorer& scorer, const PairRewards& pairs,
                        std::span<const std::int64_t> rows, const std::vector<std::string>& attributes);
std::string usage_table(const GateUsage& usage, const std::vector<std::string>& attributes);
nlohmann::json usage_json(const GateUsage& usage, const std::vector<std::string>& attributes);

std::vector<std::int64_t> all_pairs(const PairRewards& pairs);

}  // namespace armorm
