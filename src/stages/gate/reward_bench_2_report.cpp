#include "stages/gate/reward_bench_2_report.h"

#include <fmt/format.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/log.h"
#include "report/json_values.h"
#include "report/text_table.h"

namespace armorm {
namespace {

using nlohmann::json;

// Puts the answers of one row in their places.
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

  std::vector<ScoredPrompt> take() {
    std::vector<ScoredPrompt> prompts;
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
    ScoredPrompt prompt;
    Answers chosen;
    Answers rejected;
  };

  Slots new_prompt(std::size_t pair, std::int64_t row) const {
    const std::int64_t kind = pairs_.tie_ids()[2 * pair];
    if (kind > static_cast<std::int64_t>(TieId::Kind::tied))
      fail_data("RewardBench 2: {}: row {} has a tie kind of {}, expected 0 to 2; prepare the set again",
                dataset_, row, kind);
    Slots slots;
    slots.row = row;
    slots.prompt.tie = {static_cast<TieId::Kind>(kind), pairs_.tie_ids()[2 * pair + 1]};
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

void warn_about(const RewardBench2Result& result) {
  for (const RewardBench2Section& section : result.sections)
    if (section.n == 0) log::warn("RewardBench 2: no rows of {}; there is no overall score", section.name);
  if (!result.unknown.empty())
    log::warn("RewardBench 2: subsets {} are none of its six and count nowhere",
              fmt::join(result.unknown, ", "));
}

std::string cell(double score, const Proportion& interval) {
  return std::isnan(score) ? "-"
                           : fmt::format("{:.2f} ({:.1f} - {:.1f})", score, interval.low, interval.high);
}

json scorer_json(const std::string& name, const RewardBench2Result& result) {
  json sections = json::array();
  for (const RewardBench2Section& s : result.sections)
    sections.push_back({{"name", s.name},
                        {"n", s.n},
                        {"score", json_number(s.score)},
                        {"low", json_number(s.interval.low)},
                        {"high", json_number(s.interval.high)}});
  const TiesResult& ties = result.ties;
  return {{"name", name},
          {"score", json_number(result.score)},
          {"low", json_number(result.interval.low)},
          {"high", json_number(result.interval.high)},
          {"sections", sections},
          {"ties",
           {{"ref_accuracy", ties.ref_accuracy},
            {"tied_accuracy", ties.tied_accuracy},
            {"preferred", json_number(ties.preferred)},
            {"preferred_hard", json_number(ties.preferred_hard)},
            {"margin", json_number(ties.margin)}}}};
}

}  // namespace

std::vector<ScoredPrompt> gather_prompts(const PairScores& scores, const PairRewards& pairs,
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

RewardBench2Report evaluate_reward_bench_2(const std::vector<Contender>& contenders, const PairRewards& pairs,
                                           const std::string& dataset) {
  RewardBench2Report report{dataset, {}, {}};
  for (const Contender& contender : contenders) {
    report.names.push_back(contender.name);
    report.results.push_back(score_reward_bench_2(gather_prompts(contender.scores, pairs, dataset)));
  }
  warn_about(report.results.front());
  return report;
}

std::string reward_bench_2_table(const RewardBench2Report& report) {
  std::vector<std::string> header{"RewardBench 2", "n"};
  header.insert(header.end(), report.names.begin(), report.names.end());
  TextTable table(std::move(header));
  const std::vector<RewardBench2Section>& sections = report.results.front().sections;
  for (std::size_t s = 0; s < sections.size(); ++s) {
    std::vector<std::string> row{sections[s].name, std::to_string(sections[s].n)};
    for (const RewardBench2Result& result : report.results)
      row.push_back(cell(result.sections[s].score, result.sections[s].interval));
    table.add(std::move(row));
  }
  std::vector<std::string> total{"= Score", ""};
  for (const RewardBench2Result& result : report.results)
    total.push_back(cell(result.score, result.interval));
  table.add(std::move(total));
  return table.str();
}

json reward_bench_2_json(const RewardBench2Report& report) {
  json scorers = json::array();
  for (std::size_t i = 0; i < report.names.size(); ++i)
    scorers.push_back(scorer_json(report.names[i], report.results[i]));
  return {{"name", report.dataset}, {"scorers", scorers}};
}

}  // namespace armorm
