// Accuracy of the gate compared with its baselines, on each set of pairs.

#include <fmt/core.h>

#include <cmath>

#include "report/gate_parts.h"
#include "report/html_page.h"

namespace armorm::report {
namespace {

using html::Cell;

// An accuracy in percent, as a bar.
Cell accuracy_cell(double share) { return html::bar_cell(html::number(100 * share, 2), share); }

// A score that is already in percent.
Cell score_cell(double score) { return html::bar_cell(html::number(score, 2), score / 100); }

std::string interval_text(const stats::Interval& shares) {
  return html::range(100 * shares.low, 100 * shares.high, 1);
}

// The interval and the value on a scale from 0 to 1, with a stroke at chance.
Cell interval_cell(const stats::Interval& shares, double accuracy) {
  return html::track_cell({0, 1, shares.low, shares.high, accuracy, 0.5});
}

std::string p_text(double p_value) { return std::isfinite(p_value) ? fmt::format("{:.2g}", p_value) : ""; }

std::vector<Cell> scorer_cells(const ScorerFigures& s) {
  std::vector<Cell> cells{html::escaped(s.name), accuracy_cell(s.accuracy), interval_text(s.interval),
                          interval_cell(s.interval, s.accuracy), html::number(s.loss, 4)};
  if (s.against_gate)
    cells.insert(cells.end(),
                 {p_text(s.against_gate->p_value), std::to_string(s.against_gate->only_gate_right),
                  std::to_string(s.against_gate->only_this_right)});
  else
    cells.insert(cells.end(), {"", "", ""});
  return cells;
}

std::string scorers_table(const std::string& id, const std::string& caption,
                          const std::vector<ScorerFigures>& scorers) {
  if (scorers.empty()) return "";
  html::Table table(id, caption,
                    {"scorer", "accuracy, %", "95 % interval", "0 to 100 %", "loss", "p against gate",
                     "gate alone right", "this alone right"});
  for (const ScorerFigures& s : scorers) table.add(scorer_cells(s));
  return table.str();
}

std::vector<html::Column> scorer_columns(std::vector<html::Column> columns, const Benchmark& bench) {
  for (std::size_t i = 1; i < bench.scorers.size(); ++i) columns.emplace_back(bench.scorers[i].name);
  return columns;
}

// A score in percent, with the p-value against the gate below it if there is one.
Cell compared_cell(double score, double p_value) {
  Cell cell = score_cell(score);
  const std::string p = p_text(p_value);
  if (!p.empty()) cell.content += " <small>p " + p + "</small>";
  return cell;
}

// One row of a score table; `figures_of` returns a scorer's section, or the scorer itself for its total.
std::vector<Cell> score_cells(const std::string& name, const std::string& n, const Benchmark& bench,
                              const auto& figures_of) {
  std::vector<Cell> cells{html::escaped(name), n};
  for (std::size_t i = 0; i < bench.scorers.size(); ++i) {
    const auto& figures = figures_of(bench.scorers[i]);
    cells.push_back(compared_cell(figures.score, figures.p_value));
    if (i == 0) cells.push_back(html::range(figures.interval.low, figures.interval.high, 1));
  }
  return cells;
}

// Sections and their mean, for RewardBench and RewardBench 2.
std::string sections_table(const std::string& id, const std::string& caption, const std::string& unit,
                           const Benchmark& bench) {
  html::Table table(id, caption, scorer_columns({"section", unit, "gate", "95 % interval"}, bench));
  const std::vector<SectionScore>& sections = bench.scorers.front().sections;
  for (std::size_t i = 0; i < sections.size(); ++i)
    table.add(score_cells(sections[i].name, std::to_string(sections[i].n), bench,
                          [i](const BenchmarkScorer& s) -> const SectionScore& { return s.sections.at(i); }));
  table.total(
      score_cells("Score", "", bench, [](const BenchmarkScorer& s) -> const BenchmarkScorer& { return s; }));
  return table.str();
}

double share_right(const SubsetAccuracy& subset) {
  return subset.n > 0 ? static_cast<double>(subset.correct) / static_cast<double>(subset.n) : NAN;
}

std::string subsets_table(const Benchmark& bench) {
  html::Table table("reward-bench-subsets", "RewardBench: subsets, accuracy in per cent",
                    scorer_columns({"subset", "pairs", "gate", "95 % interval", "0 to 100 %"}, bench));
  const std::vector<SubsetAccuracy>& subsets = bench.scorers.front().subsets;
  for (std::size_t i = 0; i < subsets.size(); ++i) {
    const SubsetAccuracy& subset = subsets[i];
    std::vector<Cell> cells{html::escaped(subset.name), std::to_string(subset.n),
                            accuracy_cell(share_right(subset)), interval_text(subset.interval),
                            interval_cell(subset.interval, share_right(subset))};
    for (std::size_t other = 1; other < bench.scorers.size(); ++other)
      cells.push_back(accuracy_cell(share_right(bench.scorers[other].subsets.at(i))));
    table.add(cells);
  }
  return table.empty() ? "" : table.str();
}

std::string missing_subsets(const BenchmarkScorer& gate) {
  std::string out;
  for (const SectionScore& section : gate.sections)
    for (const std::string& subset : section.missing)
      out += (out.empty() ? "Not in the set, and left out of their sections: " : ", ") + subset;
  return out.empty() ? "" : html::paragraph(out + ".");
}

std::vector<Cell> length_bias_cells(const LengthBiasFigures& bias) {
  std::vector<Cell> cells{html::escaped(bias.name), html::text_cell(bias.set)};
  for (const LengthCase* group : {&bias.chosen_longer, &bias.chosen_shorter, &bias.equal}) {
    cells.push_back(accuracy_cell(group->accuracy));
    cells.emplace_back(fmt::format("<small>{} of {}</small>", group->correct, group->n));
  }
  cells.emplace_back(html::number(100 * bias.gap, 1));
  cells.emplace_back(html::number(bias.margin_correlation, 3));
  return cells;
}

}  // namespace

std::string comparison_part(const GateReport& report) {
  const std::string table =
      scorers_table("validation",
                    fmt::format("The gate and its baselines on {} pairs that it was not trained on",
                                report.pairs ? std::to_string(report.pairs->validation) : ""),
                    report.validation);
  if (table.empty()) return "";
  return html::paragraph(
             "A pair counts as right where the chosen answer scores strictly higher. Intervals are Wilson's; "
             "p is that of McNemar's "
             "exact test over the same pairs: how likely so uneven a split of the pairs on which only one "
             "scorer is right would be "
             "if both were equally good. The stroke marks chance.") +
         table;
}

std::string reward_bench_part(const GateReport& report) {
  if (!report.reward_bench || report.reward_bench->scorers.empty()) return "";
  const Benchmark& bench = *report.reward_bench;
  return sections_table("reward-bench", "RewardBench: sections in per cent, weighted by the published counts",
                        "pairs", bench) +
         missing_subsets(bench.scorers.front()) + subsets_table(bench);
}

std::string reward_bench_2_part(const GateReport& report) {
  if (!report.reward_bench_2 || report.reward_bench_2->scorers.empty()) return "";
  const Benchmark& bench = *report.reward_bench_2;
  return sections_table("reward-bench-2", "RewardBench 2: " + bench.dataset + ", in per cent", "prompts",
                        bench);
}

std::string evaluation_part(const GateReport& report) {
  std::string out;
  std::size_t i = 0;
  for (const EvaluatedSet& set : report.eval)
    out += scorers_table(fmt::format("eval-{}", i++), fmt::format("{}: {} pairs", set.name, set.pairs),
                         set.scorers);
  return out;
}

std::string length_bias_part(const GateReport& report) {
  if (report.length_bias.empty()) return "";
  html::Table table("length-bias", "Accuracy in per cent, by which answer is longer",
                    {{"scorer", true},
                     {"set", true},
                     "chosen longer",
                     "",
                     "chosen shorter",
                     "",
                     "equally long",
                     "",
                     "gap, points",
                     "margin and length"});
  for (const LengthBiasFigures& bias : report.length_bias) table.add(length_bias_cells(bias));
  return html::paragraph(
             "The gap is the accuracy where the chosen answer is longer less that where it is shorter: above "
             "0, length alone wins "
             "pairs. The last column is Spearman's correlation of the score margin with the difference of "
             "lengths.") +
         table.str();
}

}  // namespace armorm::report
