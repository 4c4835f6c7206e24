#include "gating/gate_usage.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace armorm::gating {
namespace {

constexpr double kSumTolerance = 1e-3;

template <class Values>
double entropy(const Values& weights) {
  double sum = 0.0;
  for (const double w : weights)
    if (w > 0) sum -= w * std::log(w);
  return sum;
}

void check_row(std::span<const float> row, std::int64_t index) {
  double sum = 0.0;
  for (const float w : row) {
    if (!(w >= 0))
      fail_data("gate weights: prompt {} has a weight of {}, expected 0 to 1; train the gate again", index,
                w);
    sum += static_cast<double>(w);
  }
  if (!(std::abs(sum - 1.0) <= kSumTolerance))
    fail_data("gate weights: those of prompt {} sum to {}, expected 1; train the gate again", index, sum);
}

void warn(GateUsage& usage, const std::vector<std::string>& attributes, const GateUsageLimits& limits) {
  const auto heaviest =
      static_cast<std::size_t>(std::max_element(usage.load.begin(), usage.load.end()) - usage.load.begin());
  if (usage.load.size() > 1 && usage.load[heaviest] > limits.max_load)
    usage.warnings.push_back(
        fmt::format("'{}' takes {:.1f} % of the gate's weight: the other attributes hardly count",
                    attributes[heaviest], 100 * usage.load[heaviest]));
  if (usage.n > 1 && usage.load.size() > 1 && usage.information < limits.min_information)
    usage.warnings.push_back(
        fmt::format("the gate gives every prompt nearly the same weights ({:.2e} nats about the prompt): "
                    "it has not learned from the prompts",
                    usage.information));
}

}  // namespace

GateUsage measure_gate_usage(MatrixView<const float> weights, const std::vector<std::string>& attributes,
                             const GateUsageLimits& limits) {
  if (weights.rows < 1 || static_cast<std::size_t>(weights.cols) != attributes.size())
    fail_internal("gate weights [{}, {}] of {} attributes", weights.rows, weights.cols, attributes.size());
  GateUsage usage;
  usage.n = weights.rows;
  usage.load.assign(attributes.size(), 0.0);
  usage.top_share.assign(attributes.size(), 0.0);
  const double share = 1.0 / static_cast<double>(weights.rows);
  for (std::int64_t i = 0; i < weights.rows; ++i) {
    const auto row = weights.row(i);
    check_row(row, i);
    for (std::size_t k = 0; k < row.size(); ++k) usage.load[k] += share * static_cast<double>(row[k]);
    usage.top_share[static_cast<std::size_t>(std::max_element(row.begin(), row.end()) - row.begin())] +=
        share;
    usage.mean_entropy += share * entropy(row);
  }
  usage.load_entropy = entropy(usage.load);
  usage.information = std::max(0.0, usage.load_entropy - usage.mean_entropy);
  warn(usage, attributes, limits);
  return usage;
}

}  // namespace armorm::gating
