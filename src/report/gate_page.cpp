#include "report/gate_page.h"

#include <fmt/core.h>

#include <vector>

#include "report/gate_parts.h"
#include "report/html_page.h"

namespace armorm::report {
namespace {

struct Part {
  const char* id;
  const char* heading;
  std::string html;
};

std::vector<Part> parts_of(const GateReport& report) {
  return {{"reward-bench-part", "RewardBench", reward_bench_part(report)},
          {"reward-bench-2-part", "RewardBench 2", reward_bench_2_part(report)},
          {"validation-part", "Validation pairs", comparison_part(report)},
          {"evaluation-part", "Further preference sets", evaluation_part(report)},
          {"length-bias-part", "Length bias", length_bias_part(report)},
          {"by-source-part", "By source", by_source_part(report)},
          {"training-part", "Training", training_part(report)},
          {"debiasing-part", "Debiasing", debiasing_part(report)},
          {"gate-part", "What the gate trusts", gate_part(report)},
          {"examples-part", "Scores, taken apart", examples_part(report)},
          {"origin-part", "What made this", origin_part(report)}};
}

std::string contents(const std::vector<Part>& parts) {
  std::string items;
  for (const Part& part : parts)
    if (!part.html.empty())
      items += fmt::format("<li><a href=\"#{}\">{}</a></li>", part.id, html::escaped(part.heading));
  return items.empty() ? "" : "<nav aria-label=\"Contents\"><ul>" + items + "</ul></nav>\n";
}

// A headline figure with a line of text below it.
std::string tile(const std::string& name, const std::string& figure, const std::string& remark) {
  return fmt::format("<div><dt>{}</dt><dd class=\"big\">{}</dd><dd class=\"quiet\">{}</dd></div>\n",
                     html::escaped(name), html::escaped(figure), html::escaped(remark));
}

// "uniform gate 55.6 %; gate, rewards not debiased 79.6 %": every scorer but the gate itself.
template <class Scorer>
std::string others(const std::vector<Scorer>& scorers, const auto& figure_of) {
  std::string out;
  for (std::size_t i = 1; i < scorers.size(); ++i)
    out += (out.empty() ? "" : "; ") + scorers[i].name + " " + figure_of(scorers[i]);
  return out;
}

std::string validation_tile(const std::vector<ScorerFigures>& scorers) {
  if (scorers.empty()) return "";
  const ScorerFigures& gate = scorers.front();
  return tile(
      "Right on validation pairs", html::percent(gate.accuracy),
      fmt::format("95 % interval {} %; ", html::range(100 * gate.interval.low, 100 * gate.interval.high, 1)) +
          others(scorers, [](const ScorerFigures& s) { return html::percent(s.accuracy, 1); }));
}

std::string benchmark_tile(const std::string& name, const std::optional<Benchmark>& bench) {
  if (!bench || bench->scorers.empty()) return "";
  return tile(name, html::number(bench->scorers.front().score, 2),
              others(bench->scorers, [](const BenchmarkScorer& s) { return html::number(s.score, 1); }));
}

std::string training_tile(const GateReport& report) {
  if (!report.training) return "";
  const TrainingRun& kept = report.training->kept_run();
  return tile("Kept after step", std::to_string(kept.kept_step),
              fmt::format("of seed {}; logit scale {}", kept.seed, html::number(report.logit_scale, 3)));
}

std::string pairs_tile(const std::optional<PairCounts>& pairs) {
  if (!pairs) return "";
  return tile("Training pairs", std::to_string(pairs->train),
              fmt::format("{} validation pairs; {} pairs whose sides have different prompts",
                          pairs->validation, pairs->prompts_differ));
}

std::string tiles(const GateReport& report) {
  const std::string out = validation_tile(report.validation) +
                          benchmark_tile("RewardBench score", report.reward_bench) +
                          benchmark_tile("RewardBench 2 score", report.reward_bench_2) +
                          training_tile(report) + pairs_tile(report.pairs);
  return out.empty() ? "" : "<dl class=\"tiles\">\n" + out + "</dl>\n";
}

std::string warnings(const GateReport& report) {
  std::string out;
  if (report.upstream)
    out += html::paragraph(
        "Trained as the Python scripts do it (--compat upstream): the softmax runs over the two sides of a "
        "pair, so where they "
        "share their prompt every attribute weighs one half whatever the gate has learnt, and T is computed "
        "but not applied.",
        "warning");
  if (report.gate_usage)
    for (const std::string& warning : report.gate_usage->warnings)
      out += html::paragraph("The gate may have collapsed: " + warning, "warning");
  if (report.debiasing)
    for (const PenaltyFigures& a : report.debiasing->attributes)
      if (!a.met)
        out += html::paragraph(fmt::format("No penalty brought '{}' to the correlation threshold.", a.name),
                               "warning");
  return out;
}

}  // namespace

std::string gate_report_page(const GateReport& report) {
  const std::vector<Part> parts = parts_of(report);
  const std::string title = "Reward model gate: " + report.model;
  std::string body = "<h1>" + html::escaped(title) + "</h1>\n";
  body +=
      html::paragraph(fmt::format("A prompt decides how much each of {} attributes counts; this page shows "
                                  "how well that ranks pairs of answers, and why.",
                                  report.attributes.size()));
  body += contents(parts) + warnings(report) + tiles(report);
  for (const Part& part : parts) body += html::section(part.id, part.heading, part.html);
  return html::page(title, body);
}

}  // namespace armorm::report
