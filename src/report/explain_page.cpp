#include "report/explain_page.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/attribute_meaning.h"
#include "report/html_page.h"
#include "report/html_text.h"
#include "report/json_values.h"
#include "report/pair_view.h"

namespace armorm::report {
namespace {

using nlohmann::ordered_json;

std::string tile(const std::string& name, const std::string& figure, const std::string& remark) {
  return fmt::format("<div><dt>{}</dt><dd class=\"big\">{}</dd><dd class=\"quiet\">{}</dd></div>\n", name,
                     figure, remark);
}

std::string tiles(const ExplainReport& report) {
  const double share = static_cast<double>(report.right) / static_cast<double>(report.pairs);
  const std::string failed =
      report.failed > 0 ? fmt::format("{} more could not be scored", report.failed) : "all of the data set";
  return "<dl class=\"tiles\">\n" + tile("Pairs", std::to_string(report.pairs), failed) +
         tile("The chosen answer has the higher score", html::percent(share, 1),
              fmt::format("{} of {} pairs", report.right, report.pairs)) +
         "</dl>\n";
}

std::string pairs_part(const ExplainReport& report) {
  std::string out = pair_view_notes();
  if (static_cast<std::int64_t>(report.shown.size()) < report.pairs)
    out +=
        html::paragraph(fmt::format("The page shows the first {} of {} pairs; the lines that score writes "
                                    "have the numbers of all.",
                                    report.shown.size(), report.pairs));
  std::string pairs;
  for (std::size_t i = 0; i < report.shown.size(); ++i)
    pairs += html::details(pair_summary(report.shown[i]),
                           pair_view(report.shown[i], fmt::format("pair-{}", i), report.attributes), i == 0);
  return out + "<div class=\"examples\">" + pairs + "</div>\n";
}

std::string origin_part(const ExplainReport& report) {
  html::Table table("origin", "What made this", {{"name", true}, {"value", true}});
  const auto add = [&table](const char* name, const std::string& value) {
    if (!value.empty()) table.add({name, {html::plain_text(value), " class=\"text\""}});
  };
  add("program", "score --explain, version " + report.armorm_version);
  add("model", report.model);
  add("pairs", report.dataset);
  add("training prompts", report.training_gates);
  return table.wrap_text().str();
}

// ---- JSON

ordered_json named(const std::vector<double>& values, const std::vector<std::string>& attributes) {
  ordered_json out = ordered_json::object();
  for (std::size_t k = 0; k < values.size(); ++k)
    out[attributes.at(k)] = ordered_json(json_number(values[k]));
  return out;
}

ordered_json sides(const BothSides<std::vector<double>>& values, const std::vector<std::string>& attributes) {
  return {{"chosen", named(values.chosen, attributes)}, {"rejected", named(values.rejected, attributes)}};
}

ordered_json flip_json(const FlipFigures& flip, const std::vector<std::string>& attributes) {
  ordered_json out{{"possible", flip.possible}};
  if (!flip.possible) return out;
  out["moved"] = flip.moved;
  out["change"] = named(flip.change, attributes);
  return out;
}

ordered_json nearest_json(const std::vector<NearPrompt>& nearest) {
  ordered_json out = ordered_json::array();
  for (const NearPrompt& near : nearest) out.push_back({{"row_id", near.row_id}, {"moved", near.moved}});
  return out;
}

std::string text_of(const ordered_json& line) {
  return line.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

const char* preferred(double margin) {
  if (margin == 0.0) return "none";
  return margin > 0.0 ? "chosen" : "rejected";
}

}  // namespace

std::string explain_page(const ExplainReport& report) {
  const std::string title = "Why these scores: " + report.model;
  std::string body = "<h1>" + html::plain_text(title) + "</h1>\n";
  body += html::paragraph(fmt::format(
      "A score is the sum over {} attributes of gate weight × debiased reward. This page shows for each pair "
      "of answers which attributes decide it, and what would decide it the other way.",
      report.attributes.size()));
  body += tiles(report);
  body += html::section("pairs-part", "Pairs", pairs_part(report));
  body += html::section("meanings-part", "Attributes", meanings_table(report.attributes));
  body += html::section("origin-part", "Origin", origin_part(report));
  return html::page(title, body);
}

std::string explain_line(const ExamplePair& pair, const std::vector<std::string>& attributes) {
  ordered_json line{{"row_id", pair.row_id.value_or(pair.position)}};
  if (pair.answers) line["answers"] = {pair.answers->chosen, pair.answers->rejected};
  if (!pair.subset.empty()) line["subset"] = pair.subset;
  line["preferred"] = preferred(pair.margin);
  line["margin"] = ordered_json(json_number(pair.margin));
  line["score"] = {{"chosen", pair.score.chosen}, {"rejected", pair.score.rejected}};
  line["rewards"] = sides(pair.reward, attributes);
  line["debiased"] = sides(pair.debiased, attributes);
  line["gate"] = sides(pair.gate, attributes);
  line["contributions"] = sides(pair.contribution, attributes);
  if (pair.flip) line["flip"] = flip_json(*pair.flip, attributes);
  if (!pair.nearest.empty()) line["nearest"] = nearest_json(pair.nearest);
  return text_of(line);
}

std::string failed_line(std::int64_t row_id, const std::string& reason) {
  return text_of({{"row_id", row_id}, {"error", reason}});
}

}  // namespace armorm::report
