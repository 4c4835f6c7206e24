// RewardBench v1: accuracy by subset, four sections, one score.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace armorm {

struct SubsetResult {
  std::string name;
  std::int64_t n = 0;       // pairs
  std::int64_t correct = 0; // score_chosen > score_rejected; ties count as wrong
  double accuracy() const { return n > 0 ? static_cast<double>(correct) / static_cast<double>(n) : 0.0; }
};

struct SectionResult {
  std::string name;             // Chat, Chat Hard, Safety, Reasoning
  double score = 0.0;           // mean of the subsets' accuracies weighted by the published counts, in percent
  std::int64_t n = 0;           // pairs seen
  std::vector<std::string> missing;  // subsets of the section that have no pairs
  bool measured = false;        // at least one subset is there
};

struct RewardBenchResult {
  std::vector<SubsetResult> subsets;    // in the order of the published table; then unknown ones, which count nowhere
  std::vector<std::string> unknown;     // subset names that RewardBench v1 does not have
  std::vector<SectionResult> sections;  // four
  double score = 0.0;                   // plain mean of the sections, in percent; NaN when one is not measured
};

// `subset_of[i]` indexes `subset_names`. The weights are the published counts (984 for math-prm, whose set has 447 pairs).
RewardBenchResult score_reward_bench(std::span<const float> chosen, std::span<const float> rejected,
                                     std::span<const std::int64_t> subset_of, const std::vector<std::string>& subset_names);

// 95 % Wilson score interval of a proportion.
struct Proportion {
  double low = 0.0;
  double high = 0.0;
};
Proportion wilson_interval(std::int64_t correct, std::int64_t n);

}  // namespace armorm
