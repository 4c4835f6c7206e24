#include "stages/evaluation/evaluation_figures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>

#include "core/error.h"
#include "core/words.h"
#include "eval/length_bias.h"
#include "eval/reward_bench.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/length_bias_report.h"
#include "stages/gate/reward_bench_2_report.h"
#include "stages/gate/reward_bench_report.h"
#include "stats/proportion.h"

namespace armorm::stages::evaluation {
namespace {

constexpr const char* kScorer = "model";  // how tables and report name it

// The pairs of all rows that are not bad, with the scores if there are some.
struct Pairs {
  gating::PairScores scores;
  std::vector<std::int64_t> chosen_length;
  std::vector<std::int64_t> rejected_length;
  std::vector<std::int64_t> subset_of;
  std::vector<std::string> subsets;
};

float score_of(const EvaluationRow& row, std::size_t answer) {
  return row.is_scored() ? row.scores[answer] : 0.0F;
}

std::int64_t index_of(const std::string& name, std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), name);
  const std::int64_t index = found - names.begin();
  if (found == names.end()) names.push_back(name);
  return index;
}

Pairs pairs_of(const EvaluationSet& set) {
  Pairs all;
  for (const EvaluationRow& row : set.rows) {
    for (const data::AnswerPair& pair : row.pairs) {
      all.scores.chosen.push_back(score_of(row, pair.chosen));
      all.scores.rejected.push_back(score_of(row, pair.rejected));
      all.chosen_length.push_back(row.lengths[pair.chosen]);
      all.rejected_length.push_back(row.lengths[pair.rejected]);
      all.subset_of.push_back(index_of(row.subset, all.subsets));
    }
  }
  return all;
}

std::vector<eval::ScoredPrompt> prompts_of(const EvaluationSet& set) {
  std::vector<eval::ScoredPrompt> prompts;
  for (const EvaluationRow& row : set.rows)
    if (!row.pairs.empty()) prompts.push_back(prompt_of(row));
  return prompts;
}

bool all_best_of_n(const EvaluationSet& set) {
  return std::all_of(set.rows.begin(), set.rows.end(),
                     [](const EvaluationRow& row) { return row.pairs.empty() || row.best_of_n(); });
}

bool any_best_of_n(const EvaluationSet& set) {
  return std::any_of(set.rows.begin(), set.rows.end(),
                     [](const EvaluationRow& row) { return !row.pairs.empty() && row.best_of_n(); });
}

template <class Known>
bool any_known(const std::vector<std::string>& subsets, const Known& known) {
  return std::any_of(subsets.begin(), subsets.end(), known);
}

Benchmark benchmark_of(const EvaluationSet& set, const std::vector<std::string>& subsets) {
  if (all_best_of_n(set))
    return any_known(subsets, eval::is_reward_bench_2_subset) ? Benchmark::reward_bench_2 : Benchmark::none;
  const bool pairs_only = !any_best_of_n(set);
  return pairs_only && any_known(subsets, eval::is_reward_bench_subset) ? Benchmark::reward_bench
                                                                        : Benchmark::none;
}

// "a, b, ...": at most eight.
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  const std::vector<std::string> first(
      names.begin(), names.begin() + static_cast<std::ptrdiff_t>(std::min(kShown, names.size())));
  return fmt::format("{}{}", fmt::join(first, ", "), names.size() > kShown ? ", ..." : "");
}

void check_asked(const EvaluationSet& set, Benchmark asked, const std::vector<std::string>& subsets) {
  const std::string& name = set.dataset.description;
  const bool second = asked == Benchmark::reward_bench_2;
  if (asked == Benchmark::auto_ || asked == Benchmark::none) return;
  if (second ? !all_best_of_n(set) : any_best_of_n(set))
    fail_data("{}: --benchmark {} needs rows with {}; leave the option out to evaluate the rows as they are",
              name, name_of(asked),
              second ? "lists of chosen and rejected answers" : "one chosen and one rejected answer");
  if (second ? any_known(subsets, eval::is_reward_bench_2_subset)
             : any_known(subsets, eval::is_reward_bench_subset))
    return;
  const bool none = subsets.empty() || subsets == std::vector<std::string>{""};
  fail_data(
      "{}: --benchmark {} needs a column `subset` with its subsets, found {}; leave the option out for the "
      "accuracy alone",
      name, name_of(asked), none ? "none" : some_of(subsets));
}

// Right where the best good answer alone is best, as in best-of-n; tied where it shares that place.
void count_prompt(const EvaluationRow& row, report::PairCount& count) {
  const double credit = eval::best_of_n_credit(prompt_of(row));
  ++count.n;
  count.correct += credit == 1.0 ? 1 : 0;
  count.ties += credit > 0.0 && credit < 1.0 ? 1 : 0;
}

void count_row(const EvaluationRow& row, report::PairCount& count) {
  if (row.best_of_n()) return count_prompt(row, count);
  for (const data::AnswerPair& pair : row.pairs) {
    ++count.n;
    count.correct += is_correct(row, pair) ? 1 : 0;
    count.ties += row.scores[pair.chosen] == row.scores[pair.rejected] ? 1 : 0;
  }
}

void add_counts(const EvaluationSet& set, report::EvaluationReport& report) {
  std::map<std::string, std::size_t> place;
  for (const EvaluationRow& row : set.rows) {
    report.bad_rows += row.error.empty() ? 0 : 1;
    report.rows_without_pairs += row.error.empty() && row.pairs.empty() ? 1 : 0;
    if (row.pairs.empty()) continue;
    count_row(row, report.all);
    const auto [found, is_new] = place.emplace(row.subset, report.subsets.size());
    if (is_new) report.subsets.push_back({row.subset, 0, 0, 0, {}});
    count_row(row, report.subsets[found->second]);
  }
  report.rows = std::ssize(set.rows);
  if (report.subsets.size() == 1 && report.subsets.front().subset.empty()) report.subsets.clear();
  const auto add_interval = [](report::PairCount& count) {
    const stats::Proportion interval = stats::wilson_interval(count.correct, count.n);
    count.interval = {interval.low, interval.high};
  };
  add_interval(report.all);
  for (report::PairCount& subset : report.subsets) add_interval(subset);
}

void add_reward_bench(const Pairs& pairs, const std::string& name, report::EvaluationReport& report) {
  const auto score = [&](eval::RewardBenchCounts counts) {
    return eval::score_reward_bench(pairs.scores.chosen, pairs.scores.rejected, pairs.subset_of,
                                    pairs.subsets, counts);
  };
  const eval::RewardBenchResult result = score(eval::RewardBenchCounts::paper);
  report.figures.reward_bench = report::Benchmark{name, {gate::reward_bench_figures(kScorer, result)}};
  report.current_counts = gate::reward_bench_figures(kScorer, score(eval::RewardBenchCounts::current));
}

// Prior sets count where they are, with or without RewardBench's own subsets.
void add_prior_sets(const Pairs& pairs, report::EvaluationReport& report) {
  const eval::RewardBenchResult result =
      eval::score_reward_bench(pairs.scores.chosen, pairs.scores.rejected, pairs.subset_of, pairs.subsets,
                               eval::RewardBenchCounts::current);
  report.prior_sets = result.prior_sets;
  report.score_with_prior_sets = result.score_with_prior_sets;
}

// Of all pairs, as in stage2-train's report; the loss by logits.
report::ScorerFigures pair_figures(const gating::PairScores& scores, double loss_scale) {
  report::ScorerFigures figures = gate::figures_of(kScorer, scores);
  gating::PairScores logits = scores;
  for (std::vector<float>* side : {&logits.chosen, &logits.rejected})
    for (float& score : *side) score *= static_cast<float>(loss_scale);
  figures.loss = std::isnan(loss_scale) ? stats::kNotMeasured : gate::figures_of(kScorer, logits).loss;
  return figures;
}

}  // namespace

bool is_correct(const EvaluationRow& row, const data::AnswerPair& pair) {
  return row.scores[pair.chosen] > row.scores[pair.rejected];
}

eval::ScoredPrompt prompt_of(const EvaluationRow& row) {
  eval::ScoredPrompt prompt{row.subset, row.tie, {}, {}};
  for (std::size_t i = 0; i < row.lengths.size(); ++i)  // the tokens of scored answers are gone
    (i < row.n_chosen ? prompt.chosen : prompt.rejected).push_back(score_of(row, i));
  return prompt;
}

Benchmark choose_benchmark(const EvaluationSet& set, Benchmark asked) {
  const Pairs pairs = pairs_of(set);
  check_asked(set, asked, pairs.subsets);
  const Benchmark benchmark = asked == Benchmark::auto_ ? benchmark_of(set, pairs.subsets) : asked;
  if (benchmark == Benchmark::reward_bench)
    gate::warn_about_subsets(
        eval::score_reward_bench(pairs.scores.chosen, pairs.scores.rejected, pairs.subset_of, pairs.subsets));
  if (benchmark == Benchmark::reward_bench_2)
    gate::warn_about_sections(eval::score_reward_bench_2(prompts_of(set)));
  return benchmark;
}

void add_figures(const EvaluationSet& set, Benchmark benchmark, double loss_scale,
                 report::EvaluationReport& report) {
  report.benchmark = name_of(benchmark);
  add_counts(set, report);
  const Pairs pairs = pairs_of(set);
  report.figures.eval = {{report.set, std::ssize(pairs.subset_of), {pair_figures(pairs.scores, loss_scale)}}};
  report.figures.length_bias = {gate::length_bias_figures(
      report.set, kScorer,
      eval::measure_length_bias(pairs.scores, pairs.chosen_length, pairs.rejected_length))};
  if (benchmark == Benchmark::reward_bench) add_reward_bench(pairs, report.set, report);
  if (benchmark != Benchmark::reward_bench_2) add_prior_sets(pairs, report);
  if (benchmark == Benchmark::reward_bench_2)
    report.figures.reward_bench_2 = report::Benchmark{
        report.set, {gate::reward_bench_2_figures(kScorer, eval::score_reward_bench_2(prompts_of(set)))}};
}

}  // namespace armorm::stages::evaluation
