#include "report/gate_page.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "report/gate_parts.h"
#include "report/html_page.h"
#include "report/report_json.h"

namespace armorm {
namespace {

using nlohmann::json;

struct Part {
  const char* id;
  const char* heading;
  std::string html;
};

std::vector<Part> parts_of(const json& report) {
  return {{"reward-bench-part", "RewardBench", reward_bench_part(report)},
          {"reward-bench-2-part", "RewardBench 2", reward_bench_2_part(report)},
          {"validation-part", "Validation pairs", comparison_part(report)},
          {"evaluation-part", "Further preference sets", evaluation_part(report)},
          {"length-bias-part", "Length bias", length_bias_part(report)},
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

// A headline figure with a line below it.
std::string tile(const std::string& name, const std::string& figure, const std::string& remark) {
  return fmt::format("<div><dt>{}</dt><dd class=\"big\">{}</dd><dd class=\"quiet\">{}</dd></div>\n",
                     html::escaped(name), html::escaped(figure), html::escaped(remark));
}

// "uniform gate 55.6 %, gate, rewards not debiased 79.6 %": every scorer but the gate itself.
std::string others(const json& scorers, const auto& figure_of) {
  std::string out;
  for (std::size_t i = 1; i < scorers.size(); ++i)
    out += (out.empty() ? "" : "; ") + report::text(scorers[i], "name") + " " + figure_of(scorers[i]);
  return out;
}

std::string tiles(const json& report) {
  std::string out;
  if (const json& scorers = report::member(report, "validation"); scorers.is_array() && !scorers.empty())
    out += tile(
        "Right on validation pairs", html::percent(report::number(scorers[0], "accuracy")),
        fmt::format("95 % interval {} %; ", html::range(100 * report::number(scorers[0], "low"),
                                                        100 * report::number(scorers[0], "high"), 1)) +
            others(scorers, [](const json& s) { return html::percent(report::number(s, "accuracy"), 1); }));
  if (const json& scorers = report::member(report, "reward_bench"); scorers.is_array() && !scorers.empty())
    out += tile("RewardBench score", html::number(report::number(scorers[0], "score"), 2),
                others(scorers, [](const json& s) { return html::number(report::number(s, "score"), 1); }));
  if (const json& scorers = report::member(report::member(report, "reward_bench_2"), "scorers");
      scorers.is_array() && !scorers.empty())
    out += tile("RewardBench 2 score", html::number(report::number(scorers[0], "score"), 2),
                others(scorers, [](const json& s) { return html::number(report::number(s, "score"), 1); }));
  if (const json& training = report::member(report, "training"); training.is_object())
    out +=
        tile("Kept after step", report::text(training, "kept_step"),
             fmt::format("of seed {}; logit scale {}", report::text(report::member(report, "seeds"), "kept"),
                         html::number(report::number(report, "logit_scale"), 3)));
  if (const json& pairs = report::member(report, "pairs"); pairs.is_object())
    out += tile("Training pairs", report::text(pairs, "train"),
                fmt::format("{} validation pairs; {} pairs whose sides have different prompts",
                            report::text(pairs, "validation"), report::count(pairs, "prompts_differ")));
  return out.empty() ? "" : "<dl class=\"tiles\">\n" + out + "</dl>\n";
}

std::string warnings(const json& report) {
  std::string out;
  if (is_upstream(report))
    out += html::paragraph(
        "Trained as the Python scripts do it (--compat upstream): the softmax runs over the two sides of a "
        "pair, so where they "
        "share their prompt every attribute weighs one half whatever the gate has learnt, and T is computed "
        "but not applied.",
        "warning");
  for (const json& warning : report::member(report::member(report, "gate_usage"), "warnings"))
    out += html::paragraph("The gate may have collapsed: " + report::text(warning), "warning");
  for (const json& a : report::member(report, "debiasing"))
    if (report::member(a, "met") == false)
      out += html::paragraph(
          fmt::format("No penalty brought '{}' to the correlation threshold.", report::text(a, "name")),
          "warning");
  return out;
}

}  // namespace

bool is_upstream(const json& report) {
  return report::text(report::member(report, "options"), "compat") == "upstream";
}

std::string gate_report_page(const json& report) {
  const std::vector<Part> parts = parts_of(report);
  const std::string title = "Reward model gate: " + report::text(report, "model");
  std::string body = "<h1>" + html::escaped(title) + "</h1>\n";
  const json& attributes = report::member(report, "attributes");
  body +=
      html::paragraph(fmt::format("A prompt decides how much each of {} attributes counts; this page shows "
                                  "how well that ranks pairs of answers, and why.",
                                  attributes.is_array() ? attributes.size() : 0));
  body += contents(parts) + warnings(report) + tiles(report);
  for (const Part& part : parts) body += html::section(part.id, part.heading, part.html);
  return html::page(title, body);
}

}  // namespace armorm
