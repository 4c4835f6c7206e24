#include "stages/gate/reward_bench_report.h"

#include <fmt/format.h>

#include "core/error.h"
#include "core/log.h"

namespace armorm::stages::gate {
namespace {

stats::Interval interval_of(const stats::Proportion& p) { return {p.low, p.high}; }

// Skips subsets without pairs.
std::vector<report::SubsetAccuracy> subsets_of(const eval::RewardBenchResult& result,
                                               const eval::RewardBenchTests& tests) {
  std::vector<report::SubsetAccuracy> out;
  for (std::size_t i = 0; i < result.subsets.size(); ++i) {
    const eval::SubsetResult& s = result.subsets[i];
    if (s.n == 0) continue;
    out.push_back({s.name, s.n, s.correct, interval_of(stats::wilson_interval(s.correct, s.n)),
                   tests.subsets[i].p_value});
  }
  return out;
}

std::vector<report::SectionScore> sections_of(const eval::RewardBenchResult& result,
                                              const eval::RewardBenchTests& tests) {
  std::vector<report::SectionScore> out;
  for (std::size_t i = 0; i < result.sections.size(); ++i) {
    const eval::SectionResult& s = result.sections[i];
    out.push_back({s.name, s.n, s.score, interval_of(s.interval), tests.sections[i], s.missing});
  }
  return out;
}

report::BenchmarkScorer scorer_of(const std::string& name, const eval::RewardBenchResult& result,
                                  const eval::RewardBenchTests& tests) {
  return {name,
          result.score,
          interval_of(result.interval),
          tests.score,
          sections_of(result, tests),
          subsets_of(result, tests),
          {}};
}

// The gate is not tested against itself.
void remove_p_values(report::BenchmarkScorer& gate) {
  gate.p_value = stats::kNotMeasured;
  for (report::SectionScore& section : gate.sections) section.p_value = stats::kNotMeasured;
  for (report::SubsetAccuracy& subset : gate.subsets) subset.p_value = stats::kNotMeasured;
}

}  // namespace

void warn_about_subsets(const eval::RewardBenchResult& result) {
  for (const eval::SectionResult& section : result.sections)
    if (!section.missing.empty())
      log::warn("RewardBench {}: no rows of {}; left out of the section", section.name,
                fmt::join(section.missing, ", "));
  if (!result.unknown.empty())
    log::warn("RewardBench: subsets {} are not of version 1 and count in no section",
              fmt::join(result.unknown, ", "));
}

report::BenchmarkScorer reward_bench_figures(const std::string& name, const eval::RewardBenchResult& result) {
  eval::RewardBenchTests none;
  none.subsets.resize(result.subsets.size());
  none.sections.resize(result.sections.size());
  report::BenchmarkScorer scorer = scorer_of(name, result, none);
  remove_p_values(scorer);
  return scorer;
}

report::Benchmark evaluate_reward_bench(const std::vector<Contender>& contenders, const PairRewards& pairs,
                                        const std::string& dataset) {
  if (pairs.subset_of().empty())
    fail_data(
        "RewardBench: the embeddings of {} have no subsets; prepare the set again from rows that have a "
        "`subset` column",
        dataset);
  report::Benchmark bench{dataset, {}};
  const gating::PairScores& gate = contenders.front().scores;
  for (const Contender& c : contenders) {
    const eval::RewardBenchResult result =
        eval::score_reward_bench(c.scores.chosen, c.scores.rejected, pairs.subset_of(), pairs.subset_names());
    if (&c == &contenders.front()) warn_about_subsets(result);
    bench.scorers.push_back(
        scorer_of(c.figures.name, result,
                  eval::compare_on_reward_bench(gate, c.scores, pairs.subset_of(), pairs.subset_names())));
  }
  remove_p_values(bench.scorers.front());
  return bench;
}

}  // namespace armorm::stages::gate
