#include "report/pair_reasons.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "report/html_page.h"
#include "report/pair_view.h"

namespace armorm::report {
namespace {

using html::Cell;

constexpr std::size_t kNamedWeights = 3;  // of a prompt

// The weights of a side as shares of their sum.
std::vector<double> shares_of(const std::vector<double>& gate) {
  const double sum = std::accumulate(gate.begin(), gate.end(), 0.0);
  std::vector<double> shares = gate;
  for (double& share : shares) share /= sum;
  return shares;
}

// "+2.10 points", of percent.
std::string points(double change) {
  return fmt::format("{}{}", change > 0.0 ? "+" : "", html::number(100.0 * change, 2));
}

// Indices of the attributes that change, those that gain first, the larger ones first.
std::vector<std::size_t> changed(const std::vector<double>& change) {
  std::vector<std::size_t> order;
  for (std::size_t k = 0; k < change.size(); ++k)
    if (change[k] != 0.0) order.push_back(k);
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    if ((change[a] > 0.0) != (change[b] > 0.0)) return change[a] > 0.0;
    return std::abs(change[a]) > std::abs(change[b]);
  });
  return order;
}

std::string no_flip(const ExamplePair& pair) {
  const char* const ahead = pair.margin > 0 ? "chosen" : "rejected";
  return html::paragraph(
      pair.prompts_differ
          ? fmt::format("No common change of the two prompts' weights takes the lead from the {} answer.",
                        ahead)
          : fmt::format("No weights take the lead from the {} answer: no attribute's debiased reward is "
                        "higher for the other one.",
                        ahead));
}

std::string flip_sentence(const ExamplePair& pair, const std::vector<std::string>& attributes) {
  const FlipFigures& flip = *pair.flip;
  const auto to = static_cast<std::size_t>(std::ranges::max_element(flip.change) - flip.change.begin());
  return fmt::format(
      "If {} of the gate's weight moved to {}, the scores would be equal, and with any more the {} answer "
      "would have the higher one. No smaller change does this.",
      html::percent(flip.moved), attributes.at(to), pair.margin > 0 ? "rejected" : "chosen");
}

std::string flip_table(const ExamplePair& pair, const std::string& id,
                       const std::vector<std::string>& attributes) {
  const std::vector<double> chosen = shares_of(pair.gate.chosen);
  const std::vector<double> rejected = shares_of(pair.gate.rejected);
  std::vector<html::Column> headings{"attribute", "change, points", "weight", "weight then"};
  if (pair.prompts_differ) headings.insert(headings.end(), {"weight, rejected", "weight, rejected, then"});
  html::Table table(id, "The smallest change of weights that makes the scores equal", std::move(headings));
  for (const std::size_t k : changed(pair.flip->change)) {
    const double x = pair.flip->change[k];
    const auto then = [x](double share) { return html::percent(std::max(share + x, 0.0)); };
    std::vector<Cell> cells{html::escaped(attributes.at(k)), points(x), html::percent(chosen[k]),
                            then(chosen[k])};
    if (pair.prompts_differ) cells.insert(cells.end(), {html::percent(rejected[k]), then(rejected[k])});
    table.add(cells);
  }
  return table.str();
}

// "helpsteer-helpfulness 31 %, code-style 20 %"
std::string largest_weights(const std::vector<double>& shares, const std::vector<std::string>& attributes) {
  std::vector<std::size_t> order(shares.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return shares[a] > shares[b]; });
  order.resize(std::min(order.size(), kNamedWeights));
  std::string out;
  for (const std::size_t k : order)
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", attributes.at(k), html::percent(shares[k], 1));
  return out;
}

}  // namespace

std::string flip_part(const ExamplePair& pair, const std::string& id,
                      const std::vector<std::string>& attributes) {
  if (!pair.flip) return "";
  std::string out = "<h4>What would flip it</h4>\n";
  if (!pair.flip->possible) return out + no_flip(pair);
  if (pair.flip->moved == 0.0)
    return out + html::paragraph("Nothing has to change: with these weights, neither answer is ahead.");
  return out + html::paragraph(flip_sentence(pair, attributes)) + flip_table(pair, id, attributes);
}

std::string nearest_part(const ExamplePair& pair, const std::string& id,
                         const std::vector<std::string>& attributes) {
  if (pair.nearest.empty()) return "";
  html::Table table(id, "The training prompts with the nearest weights",
                    {"row of the training set", "weight that differs", {"largest weights", true}});
  for (const NearPrompt& near : pair.nearest)
    table.add({std::to_string(near.row_id), html::percent(near.moved),
               html::text_cell(largest_weights(near.shares, attributes))});
  return table.str();
}

std::string pair_view_notes() {
  return html::paragraph(
             "Each score is the sum of its bars. A bar begins where the one above it ends, and one that "
             "leads "
             "back, drawn lighter, subtracts. Attributes stand in the order in which they decide the pair.") +
         html::paragraph(
             "What would flip a preference: weights are shares of their sum, so they are not negative and "
             "add "
             "up to 1. The rewards stay as they are. Of all changes after which the two scores are equal, "
             "the "
             "smallest is the one that moves the least weight from some attributes to others, which is half "
             "the "
             "sum of the absolute changes (L1). It is computed exactly. Where the two sides have different "
             "prompts, both sides' weights change by the same amounts.");
}

}  // namespace armorm::report
