// RewardBench v1: accuracy by subset, four sections, one score.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eval/paired_test.h"
#include "stats/proportion.h"

namespace armorm::eval {

// The counts that weigh the subsets in their sections. They differ in two.
enum class RewardBenchCounts {
  paper,  // rewardbench up to 0.1.2, as in the papers of 2024: xstest-should-refuse 250, -should-respond 154
  current,  // rewardbench from 0.1.3 on, and the leaderboard: 154 and 250, which are their numbers of pairs
};

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
  std::vector<std::string> unknown;     // subset names that are neither RewardBench's nor of its prior sets
  std::vector<SectionResult> sections;  // four
  double score = 0.0;          // plain mean of the sections, in percent; NaN when one is not measured
  stats::Proportion interval;  // 95 % interval of the score, in percent
  // Plain mean of the accuracies on anthropic_helpful, anthropic_hhh, shp and summarize, in percent, and the
  // mean of the four sections and it, which weighs half as much as a section. NaN unless all are measured.
  double prior_sets = 0.0;
  double score_with_prior_sets = 0.0;
};

// `subset_of[i]` indexes `subset_names`. The weights are the published counts (984 for math-prm, whose set
// has 447 pairs).
RewardBenchResult score_reward_bench(std::span<const float> chosen, std::span<const float> rejected,
                                     std::span<const std::int64_t> subset_of,
                                     const std::vector<std::string>& subset_names,
                                     RewardBenchCounts counts = RewardBenchCounts::paper);
// Whether a section of RewardBench v1 has this subset.
bool is_reward_bench_subset(std::string_view name);
bool is_prior_set(std::string_view name);

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
