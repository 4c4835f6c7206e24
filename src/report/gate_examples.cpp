// Scores of chosen pairs taken apart into what each attribute adds, and what the run was made from.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "report/gate_parts.h"
#include "report/html_page.h"
#include "report/report_json.h"

namespace armorm {
namespace {

using html::Cell;
using nlohmann::json;

constexpr int kDecimals = 4;

// One side's share of a quantity for attribute k.
double side(const json& example, const char* quantity, const char* which, std::size_t k) {
  return report::number_at(report::member(report::member(example, quantity), which), k);
}

double difference(const json& example, std::size_t k) {
  return side(example, "contribution", "chosen", k) - side(example, "contribution", "rejected", k);
}

std::string example_summary(const json& example) {
  const double margin = report::number(example, "margin");
  const bool right = margin > 0;
  const json& score = report::member(example, "score");
  const bool has_id = report::member(example, "row_id").is_number();
  const std::string subset = report::text(example, "subset");
  return fmt::format(
      "<span class=\"mark-{0}\">{0}</span> {1} {2}{3} · margin {4} <small>chosen {5}, rejected {6}</small>",
      right ? "right" : "wrong", has_id ? "row" : "pair",
      html::escaped(report::text(example, has_id ? "row_id" : "position")),
      subset.empty() ? "" : " · " + html::escaped(subset), html::number(margin, kDecimals),
      html::number(report::number(score, "chosen"), kDecimals),
      html::number(report::number(score, "rejected"), kDecimals));
}

// Attributes by how much they decide this pair.
std::vector<std::size_t> by_difference(const json& example, std::size_t n) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto weight = [&](std::size_t k) {
    const double d = std::abs(difference(example, k));
    return std::isfinite(d) ? d : -1.0;
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
  return order;
}

struct ExampleColumn {
  const char* heading;
  const char* quantity;
  const char* which;
};

std::vector<ExampleColumn> example_columns(const json& example) {
  std::vector<ExampleColumn> columns{{"gate", "gate", "chosen"}};
  if (report::member(example, "prompts_differ") == true)
    columns = {{"gate, chosen", "gate", "chosen"}, {"gate, rejected", "gate", "rejected"}};
  columns.insert(columns.end(), {{"adds to chosen", "contribution", "chosen"},
                                 {"adds to rejected", "contribution", "rejected"},
                                 {"debiased, chosen", "debiased", "chosen"},
                                 {"debiased, rejected", "debiased", "rejected"},
                                 {"reward, chosen", "reward", "chosen"},
                                 {"reward, rejected", "reward", "rejected"}});
  return columns;
}

std::string example_table(const json& example, const std::string& id,
                          const std::vector<std::string>& attributes) {
  const std::vector<ExampleColumn> columns = example_columns(example);
  std::vector<html::Column> headings{"attribute", "for rejected | for chosen", "difference"};
  for (const ExampleColumn& c : columns) headings.emplace_back(c.heading);
  html::Table table(id, "What each attribute adds to the scores", std::move(headings));
  const std::vector<std::size_t> order = by_difference(example, attributes.size());
  const double largest = order.empty() ? NAN : std::abs(difference(example, order.front()));
  for (const std::size_t k : order) {
    const double d = difference(example, k);
    std::vector<Cell> cells{html::escaped(attributes[k]), html::balance_cell(largest > 0 ? d / largest : d),
                            html::number(d, kDecimals)};
    for (const ExampleColumn& c : columns)
      cells.push_back(html::number(side(example, c.quantity, c.which, k), kDecimals));
    table.add(std::move(cells));
  }
  const json& score = report::member(example, "score");
  std::vector<Cell> total{"score", "", html::number(report::number(example, "margin"), kDecimals)};
  for (const ExampleColumn& c : columns)
    total.push_back(std::string(c.quantity) == "contribution"
                        ? html::number(report::number(score, c.which), kDecimals)
                        : "");
  return table.total(std::move(total)).str();
}

std::string examples_of_set(const json& set, std::size_t set_index,
                            const std::vector<std::string>& attributes) {
  std::string out, group;
  std::size_t index = 0;
  for (const json& example : report::member(set, "rows")) {
    const std::string why = report::text(example, "why");
    if (why != group) {
      out += (group.empty() ? "" : "</div>\n") + fmt::format("<h3>{}: {}</h3>\n<div class=\"examples\">",
                                                             html::escaped(report::text(set, "set")),
                                                             html::escaped(why));
      group = why;
    }
    const std::string id = fmt::format("example-{}-{}", set_index, index++);
    out += html::details(example_summary(example), example_table(example, id, attributes), index == 1);
  }
  return group.empty() ? "" : out + "</div>\n";
}

// ---- what made this

std::string value_text(const json& value) {
  if (!value.is_array()) return report::text(value);
  std::string out;
  for (const json& v : value) out += (out.empty() ? "" : ", ") + report::text(v);
  return out;
}

// A table of names and values; "" for an empty object.
std::string properties(const std::string& id, const std::string& caption, const json& object,
                       const char* left_out = "") {
  html::Table table(id, caption, {{"name", true}, {"value", true}});
  if (object.is_object())
    for (const auto& [name, value] : object.items())
      if (name != left_out) table.add({html::escaped(name), html::text_cell(value_text(value))});
  return table.empty() ? "" : table.wrap_text().str();
}

}  // namespace

std::string examples_part(const json& report) {
  std::vector<std::string> attributes;
  for (const json& name : report::member(report, "attributes")) attributes.push_back(report::text(name));
  std::string out;
  std::size_t index = 0;
  for (const json& set : report::member(report, "examples")) out += examples_of_set(set, index++, attributes);
  if (out.empty()) return "";
  return html::paragraph(fmt::format("A score is the sum over the attributes of logit scale ({}) × gate × "
                                     "debiased reward, where the debiased rewards are "
                                     "the rewards times T. Rows are counted from 0 in the source split. "
                                     "Attributes stand in the order in which they decide "
                                     "the pair; a bar to the right speaks for the chosen answer.",
                                     html::number(report::number(report, "logit_scale"), 3))) +
         out;
}

std::string origin_part(const json& report) {
  std::string out;
  if (const std::string version = report::text(report, "armorm_version"); !version.empty())
    out += html::paragraph("Written by stage2-train, version " + version + ".");
  std::size_t i = 0;
  for (const json& output : report::member(report, "outputs"))
    out +=
        properties(fmt::format("output-{}", i++), "Written: " + report::text(output, "file"), output, "file");
  i = 0;
  for (const json& source : report::member(report, "sources"))
    out += properties(fmt::format("source-{}", i++), "Read: " + report::text(source, "role"), source, "role");
  return out + properties("options", "Options", report::member(report, "options"));
}

}  // namespace armorm
