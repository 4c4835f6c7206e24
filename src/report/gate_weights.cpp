// What the rewards and the gate do: penalties, T, and the gate's weights.

#include <fmt/core.h>

#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "report/gate_parts.h"
#include "report/html_page.h"
#include "report/report_json.h"

namespace armorm {
namespace {

using html::Cell;
using nlohmann::json;

std::vector<std::string> attribute_names(const json& report) {
  std::vector<std::string> names;
  for (const json& name : report::member(report, "attributes")) names.push_back(report::text(name));
  return names;
}

std::string penalties_table(const json& debiasing, const std::string& target, double threshold) {
  html::Table table("debiasing",
                    fmt::format("Rank correlation with {} before and after the penalty is taken off", target),
                    {"attribute", "penalty", "before", "after", "-1 to 1", {"", true}});
  for (const json& a : debiasing) {
    const double before = report::number(a, "correlation_before");
    const double after = report::number(a, "correlation_after");
    table.add({html::escaped(report::text(a, "name")),
               html::bar_cell(html::trimmed(report::number(a, "penalty"), 4), report::number(a, "penalty")),
               html::number(before, 4), html::number(after, 4),
               html::track_cell({-1, 1, before, after, after, threshold}),
               html::text_cell(report::member(a, "met") == false ? "threshold not met" : "")});
  }
  return table.str();
}

std::string transform_map(const json& report) {
  const std::vector<std::string> names = attribute_names(report);
  const json& transform = report::member(report, "transform");
  if (names.empty() || !transform.is_array() || transform.size() != names.size() * names.size()) return "";
  html::HeatMap map{"transform", "T: what each reward (row) adds to each debiased reward (column)",
                    "reward",    names,
                    names,       {},
                    {},          {},
                    3,           true};
  for (std::size_t i = 0; i < transform.size(); ++i) map.values.push_back(report::number_at(transform, i));
  return html::heat_map(map);
}

std::string usage_table(const json& usage) {
  const json& attributes = report::member(usage, "attributes");
  if (!attributes.is_array() || attributes.empty()) return "";
  html::Table table("gate-usage",
                    fmt::format("Weights over {} validation prompts, in per cent", report::text(usage, "n")),
                    {"attribute", "mean weight", "weighs most in"});
  for (const json& a : attributes) {
    const double mean = report::number(a, "mean_weight");
    const double top = report::number(a, "top_share");
    table.add({html::escaped(report::text(a, "name")), html::bar_cell(html::number(100 * mean, 2), mean),
               html::bar_cell(html::number(100 * top, 2), top)});
  }
  return table.str() + html::paragraph(fmt::format(
                           "A prompt's weights have an entropy of {} nats on average, of at most {} for {} "
                           "attributes; the prompt decides {} nats.",
                           html::number(report::number(usage, "mean_entropy"), 3),
                           html::number(std::log(static_cast<double>(attributes.size())), 3),
                           attributes.size(), html::number(report::number(usage, "information"), 4)));
}

std::string kinds_map(const json& report, const json& set, std::size_t index) {
  const std::string by = report::text(set, "by");
  html::HeatMap map{fmt::format("kinds-{}", index),
                    fmt::format("{}: mean weights in per cent, prompts by {}", report::text(set, "set"), by),
                    by,
                    {},
                    attribute_names(report),
                    {},
                    {"prompts"},
                    {},
                    1,
                    false};
  for (const json& kind : report::member(set, "kinds")) {
    map.rows.push_back(report::text(kind, "name"));
    map.notes.push_back({report::text(kind, "n")});
    for (std::size_t k = 0; k < map.columns.size(); ++k)
      map.values.push_back(100 * report::number_at(report::member(kind, "weights"), k));
  }
  return map.rows.empty() ? "" : html::heat_map(map);
}

}  // namespace

std::string debiasing_part(const json& report) {
  const json& debiasing = report::member(report, "debiasing");
  if (!debiasing.is_array() || debiasing.empty()) return "";
  const std::string threshold = report::text(report::member(report, "options"), "corr_threshold");
  const std::string target =
      report::text(report, "verbosity_target") == "length" ? "the answer's length" : "verbosity";
  std::string words = fmt::format(
      "Each reward gives up a multiple of the verbosity reward, the smallest penalty that brings its "
      "Spearman correlation with {} "
      "on the reference pairs to {} (the stroke). The line runs from before to after, the dot is after.",
      target, threshold.empty() ? "the threshold" : threshold);
  if (report::member(report, "transform_applied") == false) words += " Scores here were computed without it.";
  const double line = threshold.empty() ? NAN : std::strtod(threshold.c_str(), nullptr);
  return html::paragraph(words) + penalties_table(debiasing, target, line) + transform_map(report);
}

std::string gate_part(const json& report) {
  std::string maps;
  std::size_t index = 0;
  for (const json& set : report::member(report, "gate_by_kind")) maps += kinds_map(report, set, index++);
  const std::string usage = usage_table(report::member(report, "gate_usage"));
  if (usage.empty() && maps.empty()) return "";
  std::string words = "The weights of a prompt are never negative and sum to 100 %.";
  if (is_upstream(report))
    words =
        "The first table shows what a softmax over the attributes would make of this gate, the maps the "
        "weights in effect: one "
        "half for every attribute where both sides share their prompt.";
  return html::paragraph(words) + usage + maps;
}

}  // namespace armorm
