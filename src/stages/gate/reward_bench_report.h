// RewardBench v1 for the gate and its baselines, as reported by stage2-train.
#pragma once

#include <string>
#include <vector>

#include "eval/reward_bench.h"
#include "report/scorer_figures.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm::stages::gate {

// `contenders` scored all pairs of `pairs`. data error when the set has no subsets; subsets missing from a
// section are logged.
report::Benchmark evaluate_reward_bench(const std::vector<Contender>& contenders, const PairRewards& pairs,
                                        const std::string& dataset);

// The figures of one scorer, without a test against another.
report::BenchmarkScorer reward_bench_figures(const std::string& name, const eval::RewardBenchResult& result);

// Logs the subsets that are missing from a section, and those that are in none.
void warn_about_subsets(const eval::RewardBenchResult& result);

}  // namespace armorm::stages::gate
