// Accuracy and length bias by source of the pairs.

#include <fmt/core.h>

#include "report/gate_parts.h"
#include "report/html_page.h"
#include "report/source_figures.h"
#include "stats/interval.h"

namespace armorm::report {
namespace {

using html::Cell;

Cell accuracy_cell(double share) { return html::bar_cell(html::number(100 * share, 2), share); }

std::string accuracy_table(const std::string& id, const SetBySource& set,
                           const std::vector<SourceFigures>& sources) {
  std::vector<html::Column> columns{"source", "pairs", "gate, %", "95 % interval", "0 to 100 %", "loss"};
  for (std::size_t i = 1; i < sources.front().scorers.size(); ++i)
    columns.emplace_back(sources.front().scorers[i].name);
  html::Table table(id, fmt::format("{}: accuracy in per cent", set.set), std::move(columns));
  for (const SourceFigures& source : sources) {
    const SourceScorer& gate = source.scorers.front();
    const double accuracy = accuracy_of(gate, source.pairs);
    const bool has_pairs = source.pairs > 0;
    const double low = has_pairs ? gate.interval.low : stats::kNotMeasured;
    const double high = has_pairs ? gate.interval.high : stats::kNotMeasured;
    std::vector<Cell> cells{html::escaped(source_label(source.name)),
                            std::to_string(source.pairs),
                            accuracy_cell(accuracy),
                            html::range(100 * low, 100 * high, 1),
                            html::track_cell({0, 1, low, high, accuracy, 0.5}),
                            html::number(gate.loss, 4)};
    for (std::size_t i = 1; i < source.scorers.size(); ++i)
      cells.push_back(accuracy_cell(accuracy_of(source.scorers[i], source.pairs)));
    table.add(cells);
  }
  return table.str();
}

std::vector<Cell> length_cells(const std::string& name, const LengthBiasFigures& bias) {
  std::vector<Cell> cells{html::escaped(name)};
  for (const LengthCase* group : {&bias.chosen_longer, &bias.chosen_shorter, &bias.equal}) {
    cells.push_back(accuracy_cell(group->accuracy));
    cells.emplace_back(fmt::format("<small>{} of {}</small>", group->correct, group->n));
  }
  cells.emplace_back(html::number(100 * bias.gap, 1));
  cells.emplace_back(html::number(bias.margin_correlation, 3));
  return cells;
}

// Length bias of the gate, and the gaps of the others. "" for a set without lengths.
std::string length_table(const std::string& id, const SetBySource& set,
                         const std::vector<SourceFigures>& sources) {
  if (!sources.front().scorers.front().length_bias) return "";
  std::vector<html::Column> columns{
      "source",      "chosen longer",    "", "chosen shorter", "", "equally long", "",
      "gap, points", "margin and length"};
  for (std::size_t i = 1; i < sources.front().scorers.size(); ++i)
    columns.emplace_back("gap, " + sources.front().scorers[i].name);
  html::Table table(id, fmt::format("{}: length bias of the gate, accuracy in per cent", set.set),
                    std::move(columns));
  for (const SourceFigures& source : sources) {
    std::vector<Cell> cells =
        length_cells(source_label(source.name), source.scorers.front().length_bias.value());
    for (std::size_t i = 1; i < source.scorers.size(); ++i)
      cells.emplace_back(html::number(100 * source.scorers[i].length_bias.value().gap, 1));
    table.add(cells);
  }
  return table.str();
}

}  // namespace

std::string by_source_part(const GateReport& report) {
  std::string tables;
  std::size_t index = 0;
  for (const SetBySource& set : report.by_source) {
    const std::vector<SourceFigures> sources = largest_sources(set.sources, kSourcesOnPage);
    if (sources.empty()) continue;
    tables += accuracy_table(fmt::format("by-source-{}", index), set, sources) +
              length_table(fmt::format("by-source-length-{}", index), set, sources);
    ++index;
  }
  if (tables.empty()) return "";
  return html::paragraph(
             "A source is a set of a mixture, or a value of the data set's column 'source'. Intervals are "
             "Wilson's: a source with few pairs has a wide one. The maps of the gate's weights below include "
             "one by source.") +
         tables;
}

}  // namespace armorm::report
