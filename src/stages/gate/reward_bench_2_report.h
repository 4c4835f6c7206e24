// RewardBench 2 for the gate and the scorers that it must beat, as stage2-train tells it.
#pragma once

#include <string>
#include <vector>

#include "eval/reward_bench_2.h"
#include "report/scorer_figures.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm {

// Scores of pairs -> scores of each prompt's answers, prompts in the order of their first pair; an answer
// that several pairs hold has the score that it has in the first. data error when the set is not of best-of-n
// rows, or an answer is missing.
std::vector<ScoredPrompt> gather_prompts(const PairScores& scores, const PairRewards& pairs,
                                         const std::string& dataset);

// `contenders` scored all pairs of `pairs`. Errors as gather_prompts; a section without prompts is logged.
report::Benchmark evaluate_reward_bench_2(const std::vector<Contender>& contenders, const PairRewards& pairs,
                                          const std::string& dataset);

}  // namespace armorm
