// Shows the contributions of the attributes to the scores of chosen pairs, and the origin of the run.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/attribute_meaning.h"
#include "report/gate_parts.h"
#include "report/html_page.h"
#include "report/pair_view.h"

namespace armorm::report {
namespace {

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
    out += html::details(
        pair_summary(example),
        example.texts ? pair_view(example, id, attributes) : pair_table(example, id, attributes), index == 1);
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

bool has_texts(const GateReport& report) {
  return std::ranges::any_of(report.examples, [](const ExampleSet& set) {
    return std::ranges::any_of(set.rows, [](const ExamplePair& pair) { return pair.texts.has_value(); });
  });
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
         (has_texts(report) ? pair_view_notes() : "") + out +
         (has_texts(report) ? meanings_table(report.attributes) : "");
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
