#include "stages/gate/reward_bench_2_report.h"

#include <fmt/format.h>

#include <map>

#include "core/error.h"
#include "core/log.h"

namespace armorm::stages::gate {
namespace {

// Collects the answers of one row.
class PromptGatherer {
 public:
  PromptGatherer(const PairRewards& pairs, const std::string& dataset) : pairs_(pairs), dataset_(dataset) {
    for (const std::int64_t row : pairs.row_ids()) ++pairs_of_row_[row];
  }

  void add(std::size_t pair, float chosen, float rejected) {
    const std::int64_t row = pairs_.row_ids()[pair];
    const auto [place, is_new] = index_of_row_.emplace(row, prompts_.size());
    if (is_new) prompts_.push_back(new_prompt(pair, row));
    Slots& slots = prompts_[place->second];
    slots.chosen.put(answer(pair, 0, row), chosen);
    slots.rejected.put(answer(pair, 1, row), rejected);
  }

  std::vector<eval::ScoredPrompt> take() {
    std::vector<eval::ScoredPrompt> prompts;
    for (Slots& slots : prompts_) {
      slots.prompt.chosen = slots.chosen.all(slots.row, "chosen", dataset_);
      slots.prompt.rejected = slots.rejected.all(slots.row, "rejected", dataset_);
      prompts.push_back(std::move(slots.prompt));
    }
    return prompts;
  }

 private:
  struct Answers {
    std::map<std::size_t, float> scores;
    void put(std::size_t answer, float score) { scores.emplace(answer, score); }
    std::vector<float> all(std::int64_t row, const char* side, const std::string& dataset) const {
      std::vector<float> list;
      for (const auto& [answer, score] : scores) {
        if (answer != list.size())
          fail_data("RewardBench 2: {}: row {} lacks its {} answer {}; prepare the set again", dataset, row,
                    side, list.size());
        list.push_back(score);
      }
      return list;
    }
  };
  struct Slots {
    std::int64_t row = 0;
    eval::ScoredPrompt prompt;
    Answers chosen;
    Answers rejected;
  };

  Slots new_prompt(std::size_t pair, std::int64_t row) const {
    const std::int64_t kind = pairs_.tie_ids()[2 * pair];
    if (kind > static_cast<std::int64_t>(eval::TieId::Kind::tied))
      fail_data("RewardBench 2: {}: row {} has a tie kind of {}, expected 0 to 2; prepare the set again",
                dataset_, row, kind);
    Slots slots;
    slots.row = row;
    slots.prompt.tie = {static_cast<eval::TieId::Kind>(kind), pairs_.tie_ids()[2 * pair + 1]};
    slots.prompt.subset = pairs_.subset_names()[static_cast<std::size_t>(pairs_.subset_of()[pair])];
    return slots;
  }

  // A row has as many pairs as its longer list has answers.
  std::size_t answer(std::size_t pair, std::size_t side, std::int64_t row) const {
    const std::int64_t id = pairs_.candidate_ids()[2 * pair + side];
    if (id >= pairs_of_row_.at(row))
      fail_data("RewardBench 2: {}: row {} has {} pairs, but answer {}; prepare the set again", dataset_, row,
                pairs_of_row_.at(row), id);
    return static_cast<std::size_t>(id);
  }

  const PairRewards& pairs_;
  const std::string& dataset_;
  std::map<std::int64_t, std::int64_t> pairs_of_row_;
  std::map<std::int64_t, std::size_t> index_of_row_;
  std::vector<Slots> prompts_;
};

}  // namespace

void warn_about_sections(const eval::RewardBench2Result& result) {
  for (const eval::RewardBench2Section& section : result.sections)
    if (section.n == 0) log::warn("RewardBench 2: no rows of {}; there is no overall score", section.name);
  if (!result.unknown.empty())
    log::warn("RewardBench 2: subsets {} are none of its six and count nowhere",
              fmt::join(result.unknown, ", "));
}

report::BenchmarkScorer reward_bench_2_figures(const std::string& name,
                                               const eval::RewardBench2Result& result) {
  const eval::TiesResult& ties = result.ties;
  report::BenchmarkScorer scorer;
  scorer.name = name;
  scorer.score = result.score;
  scorer.interval = {result.interval.low, result.interval.high};
  scorer.ties = {ties.ref_accuracy, ties.tied_accuracy, ties.preferred, ties.preferred_hard, ties.margin};
  for (const eval::RewardBench2Section& s : result.sections)
    scorer.sections.push_back(
        {s.name, s.n, s.score, {s.interval.low, s.interval.high}, stats::kNotMeasured, {}});
  return scorer;
}

std::vector<eval::ScoredPrompt> gather_prompts(const gating::PairScores& scores, const PairRewards& pairs,
                                               const std::string& dataset) {
  if (pairs.candidate_ids().empty() || pairs.subset_of().empty())
    fail_data(
        "RewardBench 2: the embeddings of {} are not of rows with lists of answers and a subset each; "
        "prepare the set "
        "again from allenai/reward-bench-2 or one with its columns",
        dataset);
  if (scores.chosen.size() != pairs.row_ids().size() || scores.rejected.size() != scores.chosen.size())
    fail_internal("RewardBench 2: scores of {} pairs, expected {}", scores.chosen.size(),
                  pairs.row_ids().size());
  PromptGatherer gatherer(pairs, dataset);
  for (std::size_t i = 0; i < scores.chosen.size(); ++i)
    gatherer.add(i, scores.chosen[i], scores.rejected[i]);
  return gatherer.take();
}

report::Benchmark evaluate_reward_bench_2(const std::vector<Contender>& contenders, const PairRewards& pairs,
                                          const std::string& dataset) {
  report::Benchmark bench{dataset, {}};
  for (const Contender& contender : contenders) {
    const eval::RewardBench2Result result =
        eval::score_reward_bench_2(gather_prompts(contender.scores, pairs, dataset));
    if (&contender == &contenders.front()) warn_about_sections(result);
    bench.scorers.push_back(reward_bench_2_figures(contender.figures.name, result));
  }
  return bench;
}

}  // namespace armorm::stages::gate
