#include "report/evaluation_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/display_width.h"
#include "core/strings.h"
#include "report/gate_text.h"
#include "report/json_values.h"
#include "report/text_table.h"

namespace armorm::report {
namespace {

using nlohmann::json;

constexpr std::size_t kNameWidth = 48;
constexpr std::size_t kSplitWidth = 24;

json count_json(const PairCount& count) {
  return {{"n", count.n},
          {"correct", count.correct},
          {"ties", count.ties},
          {"accuracy", json_number(count.accuracy())},
          {"low", json_number(count.interval.low)},
          {"high", json_number(count.interval.high)}};
}

json current_counts_json(const BenchmarkScorer& scorer) {
  json sections = json::array();
  for (const SectionScore& section : scorer.sections)
    sections.push_back({{"name", section.name}, {"score", json_number(section.score)}});
  return {{"sections", std::move(sections)}, {"score", json_number(scorer.score)}};
}

std::string percent(double share) { return fmt::format("{:.2f} %", 100.0 * share); }

std::string number(double value) { return std::isnan(value) ? "-" : fmt::format("{:.2f}", value); }

std::string wrapped_line(const std::string& text, const TextStyle& style) {
  return wrapped_words(text, style.columns, 2) + "\n";
}

std::string heading(const EvaluationReport& report, const TextStyle& style) {
  return wrapped_line("model: " + shown(report.figures.model, kNameWidth), style) +
         wrapped_line(fmt::format("pairs: {}, split {}", shown(report.set, kNameWidth),
                                  shown(report.split, kSplitWidth)),
                      style);
}

void add_row(const PairCount& count, const std::string& name, TextTable& table) {
  const std::string interval =
      count.n == 0 ? "-"
                   : fmt::format("{:.1f} - {:.1f}", 100.0 * count.interval.low, 100.0 * count.interval.high);
  table.add({name, std::to_string(count.n), std::to_string(count.correct), std::to_string(count.ties),
             percent(count.accuracy()), interval});
}

std::string counts_text(const EvaluationReport& report, const TextStyle& style) {
  TextTable table({"subset", "pairs", "right", "ties", "accuracy", "95 % interval"});
  if (report.benchmark == "none")
    for (const PairCount& subset : report.subsets) add_row(subset, shown(subset.subset, kNameWidth), table);
  add_row(report.all, "all", table);
  return table.str(style);
}

// The sections that the other counts change, and the score.
std::string current_counts_text(const EvaluationReport& report) {
  const BenchmarkScorer& current = *report.current_counts;
  const BenchmarkScorer& paper = report.figures.reward_bench->scorers.front();
  std::string text = "by the counts of rewardbench 0.1.3 and later, as on the leaderboard: ";
  for (std::size_t i = 0; i < current.sections.size(); ++i)
    if (current.sections[i].score != paper.sections[i].score && !std::isnan(current.sections[i].score))
      text += fmt::format("{} {}, ", current.sections[i].name, number(current.sections[i].score));
  return text + fmt::format("Score {}", number(current.score));
}

std::string prior_sets_text(const EvaluationReport& report) {
  if (std::isnan(report.prior_sets)) return "";
  return fmt::format("prior sets {}, Score with them (at half weight) {}\n", number(report.prior_sets),
                     number(report.score_with_prior_sets));
}

std::string length_bias_line(const LengthBiasFigures& bias) {
  const auto side = [](const LengthCase& group) {
    return group.n == 0 ? "-" : fmt::format("{} of {}", percent(group.accuracy), group.n);
  };
  return fmt::format(
      "length: chosen longer {}, shorter {}, margin ~ length {}", side(bias.chosen_longer),
      side(bias.chosen_shorter),
      std::isnan(bias.margin_correlation) ? "-" : fmt::format("{:+.3f}", bias.margin_correlation));
}

}  // namespace

json to_json(const EvaluationReport& report) {
  json out = to_json(report.figures);
  out["set"] = report.set;
  out["split"] = report.split;
  out["benchmark"] = report.benchmark;
  out["rows"] = {
      {"read", report.rows}, {"bad", report.bad_rows}, {"without_pairs", report.rows_without_pairs}};
  out["all"] = count_json(report.all);
  out["subsets"] = json::array();
  for (const PairCount& subset : report.subsets) {
    json entry = count_json(subset);
    entry["name"] = subset.subset;
    out["subsets"].push_back(std::move(entry));
  }
  if (report.current_counts) out["reward_bench_current_counts"] = current_counts_json(*report.current_counts);
  if (!std::isnan(report.prior_sets)) {
    out["prior_sets"] = report.prior_sets;
    out["score_with_prior_sets"] = json_number(report.score_with_prior_sets);
  }
  return out;
}

std::string evaluation_text(const EvaluationReport& report, const TextStyle& style) {
  std::string text = heading(report, style);
  if (report.figures.reward_bench) text += "\n" + reward_bench_text(*report.figures.reward_bench, style);
  if (report.current_counts) text += wrapped_line(current_counts_text(report), style);
  if (report.figures.reward_bench_2)
    text += "\n" + reward_bench_2_text(*report.figures.reward_bench_2, style);
  text += prior_sets_text(report);
  text += "\n" + counts_text(report, style);
  for (const LengthBiasFigures& bias : report.figures.length_bias)
    text += wrapped_line(length_bias_line(bias), style);
  return text;
}

}  // namespace armorm::report
