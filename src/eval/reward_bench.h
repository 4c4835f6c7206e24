// RewardBench v1: accuracy by subset, four sections, one score.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/paired_test.h"
#include "stats/proportion.h"

namespace armorm::eval {

struct SubsetResult {
  std::string name;
  std::int64_t n = 0;        // pairs
  std::int64_t correct = 0;  // pairs with score_chosen > score_rejected; ties count as wrong
  double accuracy() const { return n > 0 ? static_cast<double>(correct) / static_cast<double>(n) : 0.0; }
};

struct SectionResult {
  std::string name;            // Chat, Chat Hard, Safety, Reasoning
  double score = 0.0;          // mean of the subsets' accuracies weighted by the published counts, in percent
  stats::Proportion interval;  // 95 %, in percent: weighted_mean() of the subsets' Wilson intervals
  std::int64_t n = 0;          // pairs present
  std::vector<std::string> missing;  // subsets of the section without pairs
  bool measured = false;             // at least one subset has pairs
};

struct RewardBenchResult {
  std::vector<SubsetResult>
      subsets;  // in the order of the published table, then unknown ones, which count nowhere
  std::vector<std::string> unknown;     // subset names that RewardBench v1 does not have
  std::vector<SectionResult> sections;  // four
  double score = 0.0;          // plain mean of the sections, in percent; NaN when one is not measured
  stats::Proportion interval;  // 95 % interval of the score, in percent
};

// `subset_of[i]` indexes `subset_names`. The weights are the published counts (984 for math-prm, whose set
// has 447 pairs).
RewardBenchResult score_reward_bench(std::span<const float> chosen, std::span<const float> rejected,
                                     std::span<const std::int64_t> subset_of,
                                     const std::vector<std::string>& subset_names);

// Do two scorers differ? McNemar's exact test for each subset; weighted_mcnemar_p_value() with the score's
// weights for sections and score. NaN where not measured.
struct RewardBenchTests {
  std::vector<PairedTest> subsets;  // in the order of RewardBenchResult::subsets
  std::vector<double> sections;
  double score = 0.0;
};
RewardBenchTests compare_on_reward_bench(const gating::PairScores& first, const gating::PairScores& second,
                                         std::span<const std::int64_t> subset_of,
                                         const std::vector<std::string>& subset_names);

}  // namespace armorm::eval
