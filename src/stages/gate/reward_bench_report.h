// RewardBench v1 for the gate and the scorers that it must beat, as stage2-train tells it.
#pragma once

#include <string>
#include <vector>

#include "report/scorer_figures.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm {

// `contenders` scored all pairs of `pairs`. data error when the set has no subsets; what is missing from a
// section is logged.
report::Benchmark evaluate_reward_bench(const std::vector<Contender>& contenders, const PairRewards& pairs,
                                        const std::string& dataset);

}  // namespace armorm
