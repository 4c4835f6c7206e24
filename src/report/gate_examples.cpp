// Shows the contributions of the attributes to the scores of chosen pairs, and the origin of the run.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "report/gate_parts.h"
#include "report/html_page.h"

namespace armorm::report {
namespace {

using html::Cell;

constexpr int kDecimals = 4;

double difference(const ExamplePair& example, std::size_t k) {
  return example.contribution.chosen.at(k) - example.contribution.rejected.at(k);
}

std::string example_summary(const ExamplePair& example) {
  return fmt::format(
      "<span class=\"mark-{0}\">{0}</span> {1} {2}{3} · margin {4} <small>chosen {5}, rejected {6}</small>",
      example.margin > 0 ? "right" : "wrong", example.row_id ? "row" : "pair",
      example.row_id.value_or(example.position),
      example.subset.empty() ? "" : " · " + html::escaped(example.subset),
      html::number(example.margin, kDecimals), html::number(example.score.chosen, kDecimals),
      html::number(example.score.rejected, kDecimals));
}

// Attributes ordered by how much they decide this pair.
std::vector<std::size_t> by_difference(const ExamplePair& example, std::size_t n) {
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
  const std::vector<double>* values;  // [K]
  std::optional<double> total = {};   // sum of the values
};

std::vector<ExampleColumn> example_columns(const ExamplePair& e) {
  std::vector<ExampleColumn> columns{{"gate", &e.gate.chosen}};
  if (e.prompts_differ) columns = {{"gate, chosen", &e.gate.chosen}, {"gate, rejected", &e.gate.rejected}};
  columns.insert(columns.end(), {{"adds to chosen", &e.contribution.chosen, e.score.chosen},
                                 {"adds to rejected", &e.contribution.rejected, e.score.rejected},
                                 {"debiased, chosen", &e.debiased.chosen},
                                 {"debiased, rejected", &e.debiased.rejected},
                                 {"reward, chosen", &e.reward.chosen},
                                 {"reward, rejected", &e.reward.rejected}});
  return columns;
}

std::string example_table(const ExamplePair& example, const std::string& id,
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
    for (const ExampleColumn& c : columns) cells.emplace_back(html::number(c.values->at(k), kDecimals));
    table.add(cells);
  }
  std::vector<Cell> total{"score", "", html::number(example.margin, kDecimals)};
  for (const ExampleColumn& c : columns) total.emplace_back(c.total ? html::number(*c.total, kDecimals) : "");
  return table.total(total).str();
}

std::string examples_of_set(const ExampleSet& set, std::size_t set_index,
                            const std::vector<std::string>& attributes) {
  std::string out, group;
  std::size_t index = 0;
  for (const ExamplePair& example : set.rows) {
    if (example.why != group) {
      out +=
          (group.empty() ? "" : "</div>\n") + fmt::format("<h3>{}: {}</h3>\n<div class=\"examples\">",
                                                          html::escaped(set.set), html::escaped(example.why));
      group = example.why;
    }
    const std::string id = fmt::format("example-{}-{}", set_index, index++);
    out += html::details(example_summary(example), example_table(example, id, attributes), index == 1);
  }
  return group.empty() ? "" : out + "</div>\n";
}

// ---- origin of the run

using Properties = std::vector<std::pair<std::string, std::string>>;  // names and values

struct ToText {
  std::string operator()(const std::string& text) const { return text; }
  std::string operator()(std::int64_t number) const { return std::to_string(number); }
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(const std::vector<std::string>& list) const {
    return fmt::format("{}", fmt::join(list, ", "));
  }
  // The format of the JSON report.
  std::string operator()(const std::map<std::string, std::int64_t>& counts) const {
    return nlohmann::json(counts).dump();
  }
};

Properties properties_of(const Source& source) {
  Properties out;
  for (const auto& [name, value] : source.properties) out.emplace_back(name, std::visit(ToText{}, value));
  return out;
}

// "" without properties.
std::string properties_table(const std::string& id, const std::string& caption,
                             const Properties& properties) {
  if (properties.empty()) return "";
  html::Table table(id, caption, {{"name", true}, {"value", true}});
  for (const auto& [name, value] : properties) table.add({html::escaped(name), html::text_cell(value)});
  return table.wrap_text().str();
}

}  // namespace

std::string examples_part(const GateReport& report) {
  std::string out;
  std::size_t index = 0;
  for (const ExampleSet& set : report.examples) out += examples_of_set(set, index++, report.attributes);
  if (out.empty()) return "";
  return html::paragraph(fmt::format("A score is the sum over the attributes of logit scale ({}) × gate × "
                                     "debiased reward, where the debiased rewards are "
                                     "the rewards times T. Rows are counted from 0 in the source split. "
                                     "Attributes stand in the order in which they decide "
                                     "the pair; a bar to the right speaks for the chosen answer.",
                                     html::number(report.logit_scale, 3))) +
         out;
}

std::string origin_part(const GateReport& report) {
  std::string out;
  if (!report.armorm_version.empty())
    out += html::paragraph("Written by stage2-train, version " + report.armorm_version + ".");
  std::size_t i = 0;
  for (const Output& output : report.outputs)
    out += properties_table(fmt::format("output-{}", i++), "Written: " + output.file,
                            {{"bytes", std::to_string(output.bytes)}, {"sha256", output.sha256}});
  i = 0;
  for (const Source& source : report.sources)
    out += properties_table(fmt::format("source-{}", i++), "Read: " + source.role, properties_of(source));
  return out + properties_table("options", "Options", {report.options.begin(), report.options.end()});
}

}  // namespace armorm::report
