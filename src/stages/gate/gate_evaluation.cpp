#include "stages/gate/gate_evaluation.h"

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "core/log.h"
#include "report/json_values.h"
#include "report/text_table.h"

namespace armorm {
namespace {

using nlohmann::json;

std::string percent(double share) { return fmt::format("{:.2f} %", 100.0 * share); }

std::string interval_text(const Proportion& p) {
  return fmt::format("{:.1f} - {:.1f}", 100.0 * p.low, 100.0 * p.high);
}

std::int64_t right_pairs(const PairScores& scores) {
  std::int64_t right = 0;
  for (std::size_t i = 0; i < scores.chosen.size(); ++i)
    right += scores.chosen[i] > scores.rejected[i] ? 1 : 0;
  return right;
}

Contender make_contender(std::string name, PairScores scores) {
  Contender c{std::move(name), std::move(scores), {}, {}, {}};
  c.metrics = preference_metrics(c.scores.chosen, c.scores.rejected);
  c.interval = wilson_interval(right_pairs(c.scores), static_cast<std::int64_t>(c.scores.chosen.size()));
  return c;
}

}  // namespace

PairScores GateScorer::score(const PairData& data, std::span<const std::int64_t> rows) const {
  return score_pairs(gate, data, rows, softmax, temperature, device);
}

std::vector<std::int64_t> all_pairs(const PairRewards& pairs) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(pairs.size()));
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

std::vector<Contender> compare_scorers_on(const GateScorer& scorer, const PairRewards& pairs,
                                          std::span<const std::int64_t> rows, std::int64_t best,
                                          const std::vector<std::string>& attributes) {
  const PairData data = pairs.data();
  const float scale = scorer.gate.logit_scale;
  std::vector<Contender> contenders;
  contenders.push_back(make_contender("gate", scorer.score(data, rows)));
  contenders.push_back(make_contender("uniform gate", uniform_gate_scores(data, rows, scale)));
  contenders.push_back(make_contender("best attribute: " + attributes[static_cast<std::size_t>(best)],
                                      attribute_scores(data, rows, best, scale)));
  if (pairs.is_transformed())
    contenders.push_back(
        make_contender("gate, rewards not debiased", scorer.score(pairs.data_before_transform(), rows)));
  for (std::size_t i = 1; i < contenders.size(); ++i)
    contenders[i].against_gate = compare_scorers(contenders.front().scores, contenders[i].scores);
  return contenders;
}

std::string comparison_table(const std::string& title, const std::vector<Contender>& contenders,
                             std::int64_t n) {
  TextTable table(
      {fmt::format("{} ({} pairs)", title, n), "accuracy", "95 % interval", "loss", "p against gate"});
  for (const Contender& c : contenders)
    table.add({c.name, percent(c.metrics.accuracy), interval_text(c.interval),
               fmt::format("{:.4f}", c.metrics.loss),
               c.against_gate ? fmt::format("{:.2g}", c.against_gate->p_value) : ""});
  return table.str();
}

json comparison_json(const std::vector<Contender>& contenders) {
  json out = json::array();
  for (const Contender& c : contenders) {
    json entry{{"name", c.name},
               {"accuracy", c.metrics.accuracy},
               {"low", c.interval.low},
               {"high", c.interval.high},
               {"loss", json_number(c.metrics.loss)}};
    if (c.against_gate)
      entry["against_gate"] = {{"both_right", c.against_gate->both_right},
                               {"only_gate_right", c.against_gate->only_first_right},
                               {"only_this_right", c.against_gate->only_second_right},
                               {"both_wrong", c.against_gate->both_wrong},
                               {"p_value", c.against_gate->p_value}};
    out.push_back(std::move(entry));
  }
  return out;
}

GateUsage gate_usage_on(const GateScorer& scorer, const PairRewards& pairs,
                        std::span<const std::int64_t> rows, const std::vector<std::string>& attributes) {
  const std::vector<float> weights =
      gate_weights(scorer.gate, pairs.data(), rows, scorer.temperature, scorer.device);
  const auto k = static_cast<std::int64_t>(attributes.size());
  GateUsage usage =
      measure_gate_usage({weights.data(), static_cast<std::int64_t>(rows.size()), k}, attributes, {});
  for (const std::string& warning : usage.warnings) log::warn("gate: {}", warning);
  return usage;
}

std::string usage_table(const GateUsage& usage, const std::vector<std::string>& attributes) {
  TextTable table({fmt::format("gate's weight ({} prompts)", usage.n), "mean", "is the largest"});
  for (std::size_t k = 0; k < attributes.size(); ++k)
    table.add({attributes[k], percent(usage.load[k]), percent(usage.top_share[k])});
  return table.str() + fmt::format("entropy {:.3f} of at most {:.3f} nats; the prompt decides {:.4f} nats\n",
                                   usage.mean_entropy, std::log(static_cast<double>(attributes.size())),
                                   usage.information);
}

json usage_json(const GateUsage& usage, const std::vector<std::string>& attributes) {
  json list = json::array();
  for (std::size_t k = 0; k < attributes.size(); ++k)
    list.push_back(
        {{"name", attributes[k]}, {"mean_weight", usage.load[k]}, {"top_share", usage.top_share[k]}});
  return {{"n", usage.n},
          {"attributes", list},
          {"mean_entropy", usage.mean_entropy},
          {"load_entropy", usage.load_entropy},
          {"information", usage.information},
          {"warnings", usage.warnings}};
}

}  // namespace armorm
