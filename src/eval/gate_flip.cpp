#include "eval/gate_flip.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.h"

namespace armorm::eval {
namespace {

std::vector<double> shares_of(std::span<const double> gate) {
  const double sum = std::accumulate(gate.begin(), gate.end(), 0.0);
  if (!(sum > 0.0) || !std::isfinite(sum))
    fail_internal("smallest_flip: the gate's weights sum to {}, expected a sum above 0", sum);
  std::vector<double> shares(gate.begin(), gate.end());
  for (double& share : shares) share /= sum;
  return shares;
}

// How much more the attribute gives, per share of weight, to the answer that is ahead.
struct Lead {
  double margin = 0.0;            // >= 0
  std::vector<double> per_share;  // [K]
  std::vector<double> removable;  // [K] what either side's share has
};

Lead lead_of(const FlipInput& input) {
  const std::vector<double> chosen = shares_of(input.chosen_gate);
  const std::vector<double> rejected = shares_of(input.rejected_gate);
  Lead lead;
  for (std::size_t k = 0; k < chosen.size(); ++k) {
    lead.margin += chosen[k] * input.chosen_debiased[k] - rejected[k] * input.rejected_debiased[k];
    lead.per_share.push_back(input.chosen_debiased[k] - input.rejected_debiased[k]);
    lead.removable.push_back(std::min(chosen[k], rejected[k]));
  }
  if (lead.margin < 0.0) {
    lead.margin = -lead.margin;
    for (double& difference : lead.per_share) difference = -difference;
  }
  return lead;
}

// Attributes from the one that speaks most for the answer ahead.
std::vector<std::size_t> by_lead(const std::vector<double>& per_share) {
  std::vector<std::size_t> order(per_share.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) { return per_share[a] > per_share[b]; });
  return order;
}

void check(const FlipInput& input) {
  const std::size_t k = input.chosen_gate.size();
  for (const auto& values : {input.rejected_gate, input.chosen_debiased, input.rejected_debiased})
    if (values.size() != k) fail_internal("smallest_flip: found {} and {} attributes", k, values.size());
}

}  // namespace

GateFlip smallest_flip(const FlipInput& input) {
  check(input);
  const Lead lead = lead_of(input);
  GateFlip flip{true, 0.0, std::vector<double>(lead.per_share.size(), 0.0)};
  if (lead.margin == 0.0) return flip;
  const auto to = static_cast<std::size_t>(std::ranges::min_element(lead.per_share) - lead.per_share.begin());
  double left = lead.margin;
  for (const std::size_t from : by_lead(lead.per_share)) {
    const double gain = lead.per_share[from] - lead.per_share[to];
    if (!(gain > 0.0)) break;
    const double share = std::min(lead.removable[from], left / gain);
    const bool last = lead.removable[from] * gain > left;  // strictly: a further step must be possible
    flip.change[from] -= share;
    flip.change[to] += share;
    flip.moved += share;
    if (last) return flip;
    left -= share * gain;
  }
  return {};
}

}  // namespace armorm::eval
