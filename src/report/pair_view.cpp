#include "report/pair_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/html_page.h"
#include "report/html_text.h"
#include "report/pair_reasons.h"
#include "report/sum_chart.h"

namespace armorm::report {
namespace {

using html::Cell;

constexpr int kDecimals = 4;

double difference(const ExamplePair& pair, std::size_t k) {
  return pair.contribution.chosen.at(k) - pair.contribution.rejected.at(k);
}

// Attributes ordered by how much they decide this pair.
std::vector<std::size_t> by_difference(const ExamplePair& pair, std::size_t n) {
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto weight = [&](std::size_t k) {
    const double d = std::abs(difference(pair, k));
    return std::isfinite(d) ? d : -1.0;
  };
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return weight(a) > weight(b); });
  return order;
}

// ---- the table

// Bars of the columns on one scale are comparable.
struct Scale {
  double low = 0.0;
  double high = 0.0;
  void include(const std::vector<double>& values) {
    for (const double v : values)
      if (std::isfinite(v)) low = std::min(low, v), high = std::max(high, v);
  }
};

struct PairColumn {
  const char* heading;
  const std::vector<double>* values;  // [K]
  Scale scale;
  std::optional<double> total = {};  // sum of the values
};

Scale scale_of(std::initializer_list<const std::vector<double>*> columns) {
  Scale scale;
  for (const std::vector<double>* values : columns) scale.include(*values);
  return scale;
}

std::vector<PairColumn> columns_of(const ExamplePair& p) {
  const Scale gates = scale_of({&p.gate.chosen, &p.gate.rejected});
  const Scale added = scale_of({&p.contribution.chosen, &p.contribution.rejected});
  const Scale rewards =
      scale_of({&p.reward.chosen, &p.reward.rejected, &p.debiased.chosen, &p.debiased.rejected});
  std::vector<PairColumn> columns{{"gate", &p.gate.chosen, gates}};
  if (p.prompts_differ)
    columns = {{"gate, chosen", &p.gate.chosen, gates}, {"gate, rejected", &p.gate.rejected, gates}};
  columns.insert(columns.end(), {{"adds to chosen", &p.contribution.chosen, added, p.score.chosen},
                                 {"adds to rejected", &p.contribution.rejected, added, p.score.rejected},
                                 {"debiased, chosen", &p.debiased.chosen, rewards},
                                 {"debiased, rejected", &p.debiased.rejected, rewards},
                                 {"reward, chosen", &p.reward.chosen, rewards},
                                 {"reward, rejected", &p.reward.rejected, rewards}});
  return columns;
}

// ---- texts

std::string answer_number(const ExamplePair& pair, bool chosen) {
  if (!pair.answers) return "";
  return fmt::format(" ({} of the row)", 1 + (chosen ? pair.answers->chosen : pair.answers->rejected));
}

std::string text_box(const char* css_class, const std::string& heading, const std::vector<Turn>& turns) {
  const std::string body = turns.empty() ? html::paragraph("(nothing)", "quiet") : html::turns_block(turns);
  return fmt::format("<div class=\"{}\"><h4>{}</h4>\n{}</div>\n", css_class, html::escaped(heading), body);
}

std::string texts(const ExamplePair& pair) {
  if (!pair.texts) return "";
  const PairTexts& texts = *pair.texts;
  const bool differ = !texts.rejected_prompt.empty();
  std::string out = text_box("prompt", differ ? "Prompt of the chosen answer" : "Prompt", texts.prompt);
  if (differ) out += text_box("prompt", "Prompt of the rejected answer", texts.rejected_prompt);
  const auto heading = [&](const char* side, bool chosen, double score) {
    return fmt::format("{} answer{} · score {}", side, answer_number(pair, chosen),
                       html::number(score, kDecimals));
  };
  out += text_box("chosen", heading("Chosen", true, pair.score.chosen), texts.answer.chosen);
  out += text_box("rejected", heading("Rejected", false, pair.score.rejected), texts.answer.rejected);
  return "<div class=\"texts\">\n" + out + "</div>\n";
}

// ---- bars

std::vector<double> in_order(const std::vector<double>& values, const std::vector<std::size_t>& order) {
  std::vector<double> out;
  for (const std::size_t k : order) out.push_back(values.at(k));
  return out;
}

std::string figure(const std::string& caption, const std::string& content) {
  if (content.empty()) return "";
  return fmt::format("<figure><figcaption>{}</figcaption>{}</figure>\n", caption, content);
}

// A coloured line before a name of the caption.
std::string key(int colour, const char* name) {
  return fmt::format(
      "<svg class=\"key\" viewBox=\"0 0 12 8\" aria-hidden=\"true\"><rect class=\"f{}\" width=\"12\" "
      "height=\"8\"></rect></svg>{}",
      colour, name);
}

std::string sums(const ExamplePair& pair, const std::vector<std::string>& attributes) {
  const std::vector<std::size_t> order = by_difference(pair, attributes.size());
  std::vector<std::string> names;
  std::vector<double> differences;
  for (const std::size_t k : order) {
    names.push_back(attributes[k]);
    differences.push_back(difference(pair, k));
  }
  const html::SumChart scores{
      "What the attributes add to the two scores",
      names,
      "score",
      {{"chosen", in_order(pair.contribution.chosen, order), pair.score.chosen},
       {"rejected", in_order(pair.contribution.rejected, order), pair.score.rejected}}};
  const html::SumChart margin{"What the attributes add to the margin",
                              names,
                              "margin",
                              {{"chosen - rejected", differences, pair.margin}},
                              2};
  return "<div class=\"sums\">\n" +
         figure("What adds up to the scores <small>" + key(0, "chosen ") + key(1, "rejected") + "</small>",
                html::sum_chart(scores)) +
         figure("What adds up to the margin <small>" + key(2, "chosen − rejected") + "</small>",
                html::sum_chart(margin)) +
         "</div>\n";
}

std::string verdict(const ExamplePair& pair) {
  if (!std::isfinite(pair.margin)) return "";
  if (pair.margin == 0.0) return html::paragraph("The scores are equal.");
  return html::paragraph(fmt::format("The score prefers the {} answer by {}.",
                                     pair.margin > 0 ? "chosen" : "rejected",
                                     html::number(std::abs(pair.margin), kDecimals)));
}

}  // namespace

std::string pair_summary(const ExamplePair& pair) {
  return fmt::format(
      "<span class=\"mark-{0}\">{0}</span> {1} {2}{3} · margin {4} <small>chosen {5}, rejected {6}</small>",
      pair.margin > 0 ? "right" : "wrong", pair.row_id ? "row" : "pair", pair.row_id.value_or(pair.position),
      pair.subset.empty() ? "" : " · " + html::escaped(pair.subset), html::number(pair.margin, kDecimals),
      html::number(pair.score.chosen, kDecimals), html::number(pair.score.rejected, kDecimals));
}

std::string pair_table(const ExamplePair& pair, const std::string& id,
                       const std::vector<std::string>& attributes) {
  const std::vector<PairColumn> columns = columns_of(pair);
  std::vector<html::Column> headings{"attribute", "for rejected | for chosen", "difference"};
  for (const PairColumn& c : columns) headings.emplace_back(c.heading);
  html::Table table(id, "What each attribute adds to the scores", std::move(headings));
  const std::vector<std::size_t> order = by_difference(pair, attributes.size());
  const double largest = order.empty() ? NAN : std::abs(difference(pair, order.front()));
  for (const std::size_t k : order) {
    const double d = difference(pair, k);
    std::vector<Cell> cells{html::escaped(attributes[k]), html::balance_cell(largest > 0 ? d / largest : d),
                            html::number(d, kDecimals)};
    for (const PairColumn& c : columns)
      cells.push_back(html::signed_bar_cell(html::number(c.values->at(k), kDecimals), c.values->at(k),
                                            c.scale.low, c.scale.high));
    table.add(cells);
  }
  std::vector<Cell> total{"score", "", html::number(pair.margin, kDecimals)};
  for (const PairColumn& c : columns) total.emplace_back(c.total ? html::number(*c.total, kDecimals) : "");
  return table.total(total).str();
}

std::string pair_view(const ExamplePair& pair, const std::string& id,
                      const std::vector<std::string>& attributes) {
  return verdict(pair) + texts(pair) + sums(pair, attributes) + pair_table(pair, id, attributes) +
         flip_part(pair, id + "-flip", attributes) + nearest_part(pair, id + "-nearest", attributes);
}

}  // namespace armorm::report
