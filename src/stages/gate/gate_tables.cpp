#include "stages/gate/gate_tables.h"

#include <optional>

#include "report/gate_text.h"
#include "report/source_text.h"
#include "stages/gate/length_bias_report.h"
#include "stages/gate/reward_bench_2_report.h"
#include "stages/gate/reward_bench_report.h"
#include "stages/gate/source_report.h"

namespace armorm::stages::gate {

GateTables::GateTables(const GateScorer& scorer, std::int64_t best, report::GateReport& report,
                       const report::Results& results)
    : scorer_(scorer), best_(best), report_(report), results_(results) {}

void GateTables::validation(const PairRewards& pairs, std::span<const std::int64_t> rows,
                            std::size_t wrong_examples) {
  const std::vector<Contender> all = contenders(pairs, rows);
  report_.validation = figures_of(all);
  results_.show(report::comparison_text(kValidation, report_.validation, std::ssize(rows), results_.style()) +
                "\n");
  report_.gate_usage = gate_usage_on(scorer_, pairs, rows, report_.attributes);
  results_.show(report::usage_text(*report_.gate_usage, results_.style()) + "\n");
  add_length_bias(kValidation, all, pairs, rows);
  add_by_source(kValidation, all, pairs, rows);
  add_explanation({kValidation, pairs, rows, {}, wrong_examples});
}

void GateTables::reward_bench(const PairRewards& pairs, const std::string& dataset) {
  const std::vector<std::int64_t> rows = all_pairs(pairs);
  const std::vector<Contender> all = contenders(pairs, rows);
  report_.reward_bench = evaluate_reward_bench(all, pairs, dataset);
  results_.show(report::reward_bench_text(*report_.reward_bench, results_.style()) + "\n");
  add_length_bias("RewardBench", all, pairs, rows);
  std::vector<std::string> published_order;
  for (const report::SubsetAccuracy& subset : report_.reward_bench->scorers.front().subsets)
    published_order.push_back(subset.name);
  add_explanation({"RewardBench", pairs, rows, std::move(published_order)});
}

void GateTables::reward_bench_2(const PairRewards& pairs, const std::string& dataset) {
  report_.reward_bench_2 = evaluate_reward_bench_2(contenders(pairs, all_pairs(pairs)), pairs, dataset);
  results_.show(report::reward_bench_2_text(*report_.reward_bench_2, results_.style()) + "\n");
}

void GateTables::preference_set(const std::string& name, const PairRewards& pairs) {
  const std::vector<std::int64_t> rows = all_pairs(pairs);
  const std::vector<Contender> all = contenders(pairs, rows);
  report_.eval.push_back({name, pairs.size(), figures_of(all)});
  results_.show(report::comparison_text(name, report_.eval.back().scorers, pairs.size(), results_.style()) +
                "\n");
  add_length_bias(name, all, pairs, rows);
  add_by_source(name, all, pairs, rows);
  add_explanation({name, pairs, rows});
}

std::vector<Contender> GateTables::contenders(const PairRewards& pairs,
                                              std::span<const std::int64_t> rows) const {
  return compare_scorers_on(scorer_, pairs, rows, best_, report_.attributes);
}

void GateTables::add_length_bias(const std::string& set, const std::vector<Contender>& contenders,
                                 const PairRewards& pairs, std::span<const std::int64_t> rows) {
  const std::vector<report::LengthBiasFigures> scorers = length_bias_on(set, contenders, pairs, rows);
  if (!scorers.empty()) results_.show(report::length_bias_text(scorers, results_.style()) + "\n");
  report_.length_bias.insert(report_.length_bias.end(), scorers.begin(), scorers.end());
}

void GateTables::add_by_source(const std::string& set, const std::vector<Contender>& contenders,
                               const PairRewards& pairs, std::span<const std::int64_t> rows) {
  std::optional<report::SetBySource> figures = by_source_on(set, contenders, pairs, rows);
  if (!figures) return;
  results_.show(report::comparison_by_source_text(*figures, results_.style()) + "\n");
  const std::string length_bias = report::length_bias_by_source_text(*figures, results_.style());
  if (!length_bias.empty()) results_.show(length_bias + "\n");
  report_.by_source.push_back(std::move(*figures));
}

void GateTables::add_explanation(const ExplainedSet& set) {
  Explanation explanation = explain(scorer_, set, report_.attributes);
  report_.gate_by_kind.push_back(std::move(explanation.weights));
  if (explanation.by_source) {
    results_.show(
        report::weights_by_source_text(*explanation.by_source, report_.attributes, results_.style()) + "\n");
    report_.gate_by_kind.push_back(std::move(*explanation.by_source));
  }
  report_.examples.push_back(std::move(explanation.examples));
}

}  // namespace armorm::stages::gate
