// How good the gate is: beside its baselines, on each set of pairs.

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/gate_parts.h"
#include "report/html_page.h"
#include "report/report_json.h"

namespace armorm {
namespace {

using html::Cell;
using nlohmann::json;

// An accuracy in per cent, as a bar.
Cell accuracy_cell(double share) { return html::bar_cell(html::number(100 * share, 2), share); }

// A score that is in per cent already.
Cell score_cell(double score) { return html::bar_cell(html::number(score, 2), score / 100); }

std::string interval_text(const json& entry) {
  return html::range(100 * report::number(entry, "low"), 100 * report::number(entry, "high"), 1);
}

// The interval and the value on a scale from 0 to 1, with a stroke at chance.
Cell interval_cell(const json& entry, double accuracy) {
  return html::track_cell({0, 1, report::number(entry, "low"), report::number(entry, "high"), accuracy, 0.5});
}

std::string p_text(const json& test) {
  const double p = report::number(test, "p_value");
  return std::isfinite(p) ? fmt::format("{:.2g}", p) : "";
}

std::string scorers_table(const std::string& id, const std::string& caption, const json& scorers) {
  if (!scorers.is_array() || scorers.empty()) return "";
  html::Table table(id, caption,
                    {"scorer", "accuracy, %", "95 % interval", "0 to 100 %", "loss", "p against gate",
                     "gate alone right", "this alone right"});
  for (const json& s : scorers) {
    const double accuracy = report::number(s, "accuracy");
    const json& test = report::member(s, "against_gate");
    table.add({html::escaped(report::text(s, "name")), accuracy_cell(accuracy), interval_text(s),
               interval_cell(s, accuracy), html::number(report::number(s, "loss"), 4), p_text(test),
               html::escaped(report::text(test, "only_gate_right")),
               html::escaped(report::text(test, "only_this_right"))});
  }
  return table.str();
}

// The entry of a list of objects that has this name.
const json& named(const json& list, const std::string& name) {
  static const json none;
  for (const json& entry : list)
    if (report::text(entry, "name") == name) return entry;
  return none;
}

std::vector<html::Column> scorer_columns(std::vector<html::Column> columns, const json& scorers) {
  for (std::size_t i = 1; i < scorers.size(); ++i) columns.emplace_back(report::text(scorers[i], "name"));
  return columns;
}

// A score of a section in per cent, the p-value against the gate below it where there is one.
Cell compared_cell(const json& entry) {
  Cell cell = score_cell(report::number(entry, "score"));
  const std::string p = p_text(entry);
  if (!p.empty()) cell.content += " <small>p " + p + "</small>";
  return cell;
}

// What the gate and the other scorers have in one line of a table of scores; `entry_of` finds it.
std::vector<Cell> score_cells(std::string name, const std::string& n, const json& scorers,
                              const auto& entry_of) {
  std::vector<Cell> cells{html::escaped(name), html::escaped(n)};
  for (std::size_t i = 0; i < scorers.size(); ++i) {
    const json& entry = entry_of(scorers[i]);
    cells.push_back(compared_cell(entry));
    if (i == 0) cells.push_back(html::range(report::number(entry, "low"), report::number(entry, "high"), 1));
  }
  return cells;
}

// Sections and their mean, as RewardBench and RewardBench 2 both have them.
std::string sections_table(const std::string& id, const std::string& caption, const std::string& unit,
                           const json& scorers) {
  html::Table table(id, caption, scorer_columns({"section", unit, "gate", "95 % interval"}, scorers));
  for (const json& section : report::member(scorers[0], "sections")) {
    const std::string name = report::text(section, "name");
    table.add(score_cells(name, report::text(section, "n"), scorers, [&](const json& s) -> const json& {
      return named(report::member(s, "sections"), name);
    }));
  }
  return table.total(score_cells("Score", "", scorers, [](const json& s) -> const json& { return s; })).str();
}

double share_right(const json& subset) {
  const double n = report::number(subset, "n");
  return n > 0 ? report::number(subset, "correct") / n : NAN;
}

std::string subsets_table(const json& scorers) {
  html::Table table("reward-bench-subsets", "RewardBench: subsets, accuracy in per cent",
                    scorer_columns({"subset", "pairs", "gate", "95 % interval", "0 to 100 %"}, scorers));
  for (const json& subset : report::member(scorers[0], "subsets")) {
    const std::string name = report::text(subset, "name");
    std::vector<Cell> cells{html::escaped(name), html::escaped(report::text(subset, "n")),
                            accuracy_cell(share_right(subset)), interval_text(subset),
                            interval_cell(subset, share_right(subset))};
    for (std::size_t i = 1; i < scorers.size(); ++i)
      cells.push_back(accuracy_cell(share_right(named(report::member(scorers[i], "subsets"), name))));
    table.add(std::move(cells));
  }
  return table.empty() ? "" : table.str();
}

std::string missing_subsets(const json& gate) {
  std::string out;
  for (const json& section : report::member(gate, "sections"))
    for (const json& subset : report::member(section, "missing"))
      out += (out.empty() ? "Not in the set, and left out of their sections: " : ", ") + report::text(subset);
  return out.empty() ? "" : html::paragraph(out + ".");
}

std::string longer_shorter_row_text(const json& group) {
  return fmt::format("{} of {}", report::text(group, "correct"), report::text(group, "n"));
}

}  // namespace

std::string comparison_part(const json& report) {
  const json& pairs = report::member(report, "pairs");
  const std::string table =
      scorers_table("validation",
                    fmt::format("The gate and its baselines on {} pairs that it was not trained on",
                                report::text(pairs, "validation")),
                    report::member(report, "validation"));
  if (table.empty()) return "";
  return html::paragraph(
             "A pair counts as right where the chosen answer scores strictly higher. Intervals are Wilson's; "
             "p is that of McNemar's "
             "exact test over the same pairs: how likely so uneven a split of the pairs on which only one "
             "scorer is right would be "
             "if both were equally good. The stroke marks chance.") +
         table;
}

std::string reward_bench_part(const json& report) {
  const json& scorers = report::member(report, "reward_bench");
  if (!scorers.is_array() || scorers.empty()) return "";
  return sections_table("reward-bench", "RewardBench: sections in per cent, weighted by the published counts",
                        "pairs", scorers) +
         missing_subsets(scorers[0]) + subsets_table(scorers);
}

std::string reward_bench_2_part(const json& report) {
  const json& bench = report::member(report, "reward_bench_2");
  const json& scorers = report::member(bench, "scorers");
  if (!scorers.is_array() || scorers.empty()) return "";
  return sections_table("reward-bench-2", "RewardBench 2: " + report::text(bench, "name") + ", in per cent",
                        "prompts", scorers);
}

std::string evaluation_part(const json& report) {
  std::string out;
  std::size_t i = 0;
  for (const json& set : report::member(report, "eval"))
    out += scorers_table(fmt::format("eval-{}", i++),
                         fmt::format("{}: {} pairs", report::text(set, "name"), report::text(set, "pairs")),
                         report::member(set, "scorers"));
  return out;
}

std::string length_bias_part(const json& report) {
  const json& entries = report::member(report, "length_bias");
  if (!entries.is_array() || entries.empty()) return "";
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
  for (const json& e : entries) {
    std::vector<Cell> cells{html::escaped(report::text(e, "name")), html::text_cell(report::text(e, "set"))};
    for (const char* key : {"chosen_longer", "chosen_shorter", "equal"}) {
      const json& group = report::member(e, key);
      cells.push_back(accuracy_cell(report::number(group, "accuracy")));
      cells.push_back("<small>" + html::escaped(longer_shorter_row_text(group)) + "</small>");
    }
    cells.push_back(html::number(100 * report::number(e, "gap"), 1));
    cells.push_back(html::number(report::number(e, "margin_correlation"), 3));
    table.add(std::move(cells));
  }
  return html::paragraph(
             "The gap is the accuracy where the chosen answer is longer less that where it is shorter: above "
             "0, length alone wins "
             "pairs. The last column is Spearman's correlation of the score margin with the difference of "
             "lengths.") +
         table.str();
}

}  // namespace armorm
