// Sections on rewards and gate: penalties, T, and the gate's weights.

#include <fmt/core.h>

#include <cmath>

#include "report/gate_parts.h"
#include "report/html_page.h"

namespace armorm::report {
namespace {

std::string penalties_table(const Debiasing& debiasing, const std::string& target) {
  html::Table table("debiasing",
                    fmt::format("Rank correlation with {} before and after the penalty is taken off", target),
                    {"attribute", "penalty", "before", "after", "-1 to 1", {"", true}});
  for (const PenaltyFigures& a : debiasing.attributes)
    table.add({html::escaped(a.name), html::bar_cell(html::trimmed(a.penalty, 4), a.penalty),
               html::number(a.correlation_before, 4), html::number(a.correlation_after, 4),
               html::track_cell({-1, 1, a.correlation_before, a.correlation_after, a.correlation_after,
                                 debiasing.threshold}),
               html::text_cell(a.met ? "" : "threshold not met")});
  return table.str();
}

std::string transform_map(const std::vector<std::string>& names, const std::vector<float>& transform) {
  if (names.empty() || transform.size() != names.size() * names.size()) return "";
  html::HeatMap map{"transform", "T: what each reward (row) adds to each debiased reward (column)",
                    "reward",    names,
                    names,       {},
                    {},          {},
                    3,           true};
  map.values.assign(transform.begin(), transform.end());
  return html::heat_map(map);
}

std::string usage_table(const UsageFigures& usage) {
  if (usage.attributes.empty()) return "";
  html::Table table("gate-usage", fmt::format("Weights over {} validation prompts, in per cent", usage.n),
                    {"attribute", "mean weight", "weighs most in"});
  for (const AttributeUsage& a : usage.attributes)
    table.add({html::escaped(a.name), html::bar_cell(html::number(100 * a.mean_weight, 2), a.mean_weight),
               html::bar_cell(html::number(100 * a.top_share, 2), a.top_share)});
  const std::size_t k = usage.attributes.size();
  return table.str() +
         html::paragraph(fmt::format(
             "A prompt's weights have an entropy of {} nats on average, of at most {} for {} "
             "attributes; the prompt decides {} nats.",
             html::number(usage.mean_entropy, 3), html::number(std::log(static_cast<double>(k)), 3), k,
             html::number(usage.information, 4)));
}

std::string kinds_map(const WeightsByKind& set, const std::vector<std::string>& attributes,
                      std::size_t index) {
  html::HeatMap map{fmt::format("kinds-{}", index),
                    fmt::format("{}: mean weights in per cent, prompts by {}", set.set, set.by),
                    set.by,
                    {},
                    attributes,
                    {},
                    {"prompts"},
                    {},
                    1,
                    false};
  const bool by_source = set.by == kBySource;
  for (const KindWeights& kind : by_source ? largest_sources(set.kinds, kSourcesOnPage) : set.kinds) {
    map.rows.push_back(by_source ? source_label(kind.name) : kind.name);
    map.notes.push_back({std::to_string(kind.n)});
    for (std::size_t k = 0; k < attributes.size(); ++k) map.values.push_back(100 * kind.weights.at(k));
  }
  return map.rows.empty() ? "" : html::heat_map(map);
}

std::string debiasing_words(const Debiasing& debiasing, const std::string& target) {
  std::string words = fmt::format(
      "Each reward gives up a multiple of the verbosity reward, the smallest penalty that brings its "
      "Spearman correlation with {} "
      "on the reference pairs to {} (the stroke). The line runs from before to after, the dot is after.",
      target, std::isnan(debiasing.threshold) ? "the threshold" : fmt::format("{}", debiasing.threshold));
  if (!debiasing.transform_applied) words += " Scores here were computed without it.";
  return words;
}

}  // namespace

std::string debiasing_part(const GateReport& report) {
  if (!report.debiasing || report.debiasing->attributes.empty()) return "";
  const Debiasing& debiasing = *report.debiasing;
  const std::string target = debiasing.length_target ? "the answer's length" : "verbosity";
  return html::paragraph(debiasing_words(debiasing, target)) + penalties_table(debiasing, target) +
         transform_map(report.attributes, debiasing.transform);
}

std::string gate_part(const GateReport& report) {
  std::string maps;
  std::size_t index = 0;
  for (const WeightsByKind& set : report.gate_by_kind) maps += kinds_map(set, report.attributes, index++);
  const std::string usage = report.gate_usage ? usage_table(*report.gate_usage) : "";
  if (usage.empty() && maps.empty()) return "";
  std::string words = "The weights of a prompt are never negative and sum to 100 %.";
  if (report.upstream)
    words =
        "The first table shows what a softmax over the attributes would make of this gate, the maps the "
        "weights in effect: one "
        "half for every attribute where both sides share their prompt.";
  return html::paragraph(words) + usage + maps;
}

}  // namespace armorm::report
