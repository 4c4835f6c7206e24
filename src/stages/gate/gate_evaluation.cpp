#include "stages/gate/gate_evaluation.h"

#include <numeric>

#include "core/log.h"
#include "eval/paired_test.h"
#include "eval/preference.h"
#include "gating/gate_usage.h"
#include "stats/proportion.h"

namespace armorm::stages::gate {
namespace {

std::int64_t right_pairs(const gating::PairScores& scores) {
  std::int64_t right = 0;
  for (std::size_t i = 0; i < scores.chosen.size(); ++i)
    right += scores.chosen[i] > scores.rejected[i] ? 1 : 0;
  return right;
}

Contender make_contender(std::string name, std::string short_name, gating::PairScores scores) {
  report::ScorerFigures figures = figures_of(std::move(name), scores);
  return {std::move(short_name), std::move(figures), std::move(scores)};
}

report::AgainstGate test_against(const Contender& gate, const Contender& other) {
  const eval::PairedTest test = eval::compare_scorers(gate.scores, other.scores);
  return {test.both_right, test.only_first_right, test.only_second_right, test.both_wrong, test.p_value};
}

}  // namespace

report::ScorerFigures figures_of(std::string name, const gating::PairScores& scores) {
  const eval::PreferenceMetrics metrics = eval::preference_metrics(scores.chosen, scores.rejected);
  const stats::Proportion interval =
      stats::wilson_interval(right_pairs(scores), static_cast<std::int64_t>(scores.chosen.size()));
  return {std::move(name), metrics.accuracy, {interval.low, interval.high}, metrics.loss, {}};
}

gating::PairScores GateScorer::score(const gating::PairData& data, std::span<const std::int64_t> rows) const {
  return gating::score_pairs(gate, data, rows, softmax, temperature, device);
}

std::vector<std::int64_t> all_pairs(const PairRewards& pairs) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(pairs.size()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

std::vector<Contender> compare_scorers_on(const GateScorer& scorer, const PairRewards& pairs,
                                          std::span<const std::int64_t> rows, std::int64_t best,
                                          const std::vector<std::string>& attributes) {
  const gating::PairData data = pairs.data();
  const float scale = scorer.gate.logit_scale;
  std::vector<Contender> contenders;
  contenders.push_back(make_contender("gate", "gate", scorer.score(data, rows)));
  contenders.push_back(
      make_contender("uniform gate", "uniform gate", eval::uniform_gate_scores(data, rows, scale)));
  contenders.push_back(make_contender("best attribute: " + attributes[static_cast<std::size_t>(best)], "",
                                      eval::attribute_scores(data, rows, best, scale)));
  if (pairs.is_transformed())
    contenders.push_back(make_contender("gate, rewards not debiased", "not debiased",
                                        scorer.score(pairs.data_before_transform(), rows)));
  for (std::size_t i = 1; i < contenders.size(); ++i)
    contenders[i].figures.against_gate = test_against(contenders.front(), contenders[i]);
  return contenders;
}

std::vector<report::ScorerFigures> figures_of(const std::vector<Contender>& contenders) {
  std::vector<report::ScorerFigures> figures;
  for (const Contender& contender : contenders) figures.push_back(contender.figures);
  return figures;
}

report::UsageFigures gate_usage_on(const GateScorer& scorer, const PairRewards& pairs,
                                   std::span<const std::int64_t> rows,
                                   const std::vector<std::string>& attributes) {
  const std::pmr::vector<float> weights =
      gating::gate_weights(scorer.gate, pairs.data(), rows, scorer.temperature, scorer.device, scorer.memory);
  const auto k = static_cast<std::int64_t>(attributes.size());
  const gating::GateUsage usage =
      gating::measure_gate_usage({weights.data(), static_cast<std::int64_t>(rows.size()), k}, attributes, {});
  for (const std::string& warning : usage.warnings) log::warn("gate: {}", warning);
  report::UsageFigures figures{usage.n,       {}, usage.mean_entropy, usage.load_entropy, usage.information,
                               usage.warnings};
  for (std::size_t i = 0; i < attributes.size(); ++i)
    figures.attributes.push_back({attributes[i], usage.load[i], usage.top_share[i]});
  return figures;
}

}  // namespace armorm::stages::gate
