// RewardBench v1 for the gate and the scorers that it must beat, as stage2-train tells it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "eval/reward_bench.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm {

struct RewardBenchReport {
  std::vector<Contender> contenders;  // the gate first
  std::vector<RewardBenchResult> results;
  std::vector<RewardBenchTests> against_gate;  // of the contender; unused for the gate itself
};

// `contenders` scored all pairs of `pairs`. data error when the set has no subsets; what is missing from a
// section is logged.
RewardBenchReport evaluate_reward_bench(std::vector<Contender> contenders, const PairRewards& pairs,
                                        const std::string& dataset);

// Every cell is an accuracy or score in percent with its 95 % interval; behind it a contender's p-value
// against the gate.
std::string reward_bench_table(const RewardBenchReport& report);
// [{"name", "subsets": [{"name", "n", "correct", "low", "high", "p_value"}], "sections": [{"name", "score",
// "low", "high", "n", "missing", "p_value"}], "score", "low", "high", "p_value"}]: limits of subsets are
// shares, of sections and score percent as these are; p_value is absent for the gate.
nlohmann::json reward_bench_json(const RewardBenchReport& report);

}  // namespace armorm
