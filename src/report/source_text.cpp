#include "report/source_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string_view>

#include "core/display_width.h"
#include "core/strings.h"
#include "report/text_table.h"

namespace armorm::report {
namespace {

constexpr std::size_t kName = 25;     // of a source
constexpr std::size_t kHeaviest = 3;  // attributes shown
constexpr const char* kEllipsis = "...";
constexpr std::size_t kCount = 2 + 7 + 2;  // the column of counts and both gaps

std::string percent(double share, int digits) {
  return std::isnan(share) ? "-" : fmt::format("{:.{}f} %", 100.0 * share, digits);
}

std::string fixed(double value) { return std::isnan(value) ? "-" : fmt::format("{:.4f}", value); }

std::string with_sign(double value, int digits) {
  return std::isnan(value) ? "-" : fmt::format("{:+.{}f}", value, digits);
}

std::string range(const stats::Interval& shares) {
  return fmt::format("{:.1f} - {:.1f}", 100.0 * shares.low, 100.0 * shares.high);
}

std::string name_cell(const std::string& name) {
  std::string text = escape_controls(source_label(name));
  if (display_width(text) <= kName) return text;
  return std::string(cut_to_width(text, kName - std::string_view(kEllipsis).size())) + kEllipsis;
}

std::string length_cell(const LengthCase& group) {
  if (group.n == 0) return "-";
  return fmt::format("{} ({})", percent(group.accuracy, 1), range(group.interval));
}

// Scorers other than the gate that have a short name.
std::vector<std::size_t> shown_others(const std::vector<SourceScorer>& scorers) {
  std::vector<std::size_t> out;
  for (std::size_t i = 1; i < scorers.size(); ++i)
    if (!scorers[i].short_name.empty()) out.push_back(i);
  return out;
}

std::string titled(const std::string& what, const std::string& set, const TextTable& table,
                   const TextStyle& style) {
  return wrapped_words(fmt::format("{}{} by source", what, shown(set)), style.columns, 0) + "\n" +
         table.str(style);
}

// "a 50.0 %, b 25.0 %", of at most `most` columns unless already the first is longer.
std::string heaviest(const std::vector<double>& weights, const std::vector<std::string>& attributes,
                     std::size_t most) {
  std::vector<std::size_t> order(weights.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return weights[a] > weights[b]; });
  order.resize(std::min(order.size(), kHeaviest));
  std::string out;
  for (const std::size_t k : order) {
    const std::string entry = fmt::format("{} {}", shown(attributes[k]), percent(weights[k], 1));
    if (!out.empty() && display_width(out) + 2 + display_width(entry) > most) break;
    out += (out.empty() ? "" : ", ") + entry;
  }
  return out;
}

}  // namespace

std::string comparison_by_source_text(const SetBySource& set, const TextStyle& style) {
  if (set.sources.empty()) return "";
  const std::vector<std::size_t> others = shown_others(set.sources.front().scorers);
  std::vector<std::string> header{"source", "pairs", "accuracy", "95 % interval", "loss"};
  for (const std::size_t i : others) header.push_back(set.sources.front().scorers[i].short_name);
  TextTable table(header);
  for (const SourceFigures& source : largest_sources(set.sources, kPrintedSources)) {
    const SourceScorer& gate = source.scorers.front();
    std::vector<std::string> row{name_cell(source.name), std::to_string(source.pairs),
                                 percent(accuracy_of(gate, source.pairs), 2),
                                 source.pairs == 0 ? "-" : range(gate.interval), fixed(gate.loss)};
    for (const std::size_t i : others)
      row.push_back(percent(accuracy_of(source.scorers[i], source.pairs), 2));
    table.add(row);
  }
  return titled("", set.set, table, style);
}

std::string length_bias_by_source_text(const SetBySource& set, const TextStyle& style) {
  if (set.sources.empty() || !set.sources.front().scorers.front().length_bias) return "";
  TextTable table({"source", "chosen longer", "chosen shorter", "gap", "margin ~ length"});
  for (const SourceFigures& source : largest_sources(set.sources, kPrintedSources)) {
    const LengthBiasFigures& bias = source.scorers.front().length_bias.value();
    table.add({name_cell(source.name), length_cell(bias.chosen_longer), length_cell(bias.chosen_shorter),
               with_sign(100.0 * bias.gap, 1), with_sign(bias.margin_correlation, 3)});
  }
  return titled("length bias of the gate, ", set.set, table, style);
}

std::string weights_by_source_text(const WeightsByKind& set, const std::vector<std::string>& attributes,
                                   const TextStyle& style) {
  const std::vector<KindWeights> sources = largest_sources(set.kinds, kPrintedSources);
  std::size_t name = std::string_view("source").size();
  for (const KindWeights& source : sources) name = std::max(name, display_width(name_cell(source.name)));
  TextTable table({"source", "prompts", "largest mean weights"});
  table.text_column(2);
  for (const KindWeights& source : sources)
    table.add({name_cell(source.name), std::to_string(source.n),
               source.n == 0 ? "-" : heaviest(source.weights, attributes, style.columns - name - kCount)});
  return titled("gate's weight, ", set.set, table, style);
}

}  // namespace armorm::report
