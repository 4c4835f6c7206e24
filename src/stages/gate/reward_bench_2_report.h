// RewardBench 2 for the gate and its baselines, as reported by stage2-train.
#pragma once

#include <string>
#include <vector>

#include "eval/reward_bench_2.h"
#include "report/scorer_figures.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm::stages::gate {

// Converts scores of pairs to scores of each prompt's answers, prompts in the order of their first pair. An
// answer that is in several pairs gets its score from the first one. data error when the set is not of
// best-of-n rows, or an answer is missing.
std::vector<eval::ScoredPrompt> gather_prompts(const gating::PairScores& scores, const PairRewards& pairs,
                                               const std::string& dataset);

// `contenders` scored all pairs of `pairs`. Errors as for gather_prompts; a section without prompts is
// logged.
report::Benchmark evaluate_reward_bench_2(const std::vector<Contender>& contenders, const PairRewards& pairs,
                                          const std::string& dataset);

// The figures of one scorer.
report::BenchmarkScorer reward_bench_2_figures(const std::string& name,
                                               const eval::RewardBench2Result& result);

// Logs the sections without prompts, and the subsets that are in none.
void warn_about_sections(const eval::RewardBench2Result& result);

}  // namespace armorm::stages::gate
