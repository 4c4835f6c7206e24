#include "stats/proportion.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace armorm::stats {

Proportion wilson_interval(std::int64_t correct, std::int64_t n) {
  return wilson_interval_of_share(n > 0 ? static_cast<double>(correct) / static_cast<double>(n) : 0.0, n);
}

Proportion wilson_interval_of_share(double share, std::int64_t n) {
  if (!(share >= 0.0 && share <= 1.0)) fail_internal("Wilson interval of a share of {}", share);
  if (n == 0) return {0.0, 1.0};
  constexpr double z = 1.959963984540054;  // 97.5 % quantile of the normal distribution
  const auto count = static_cast<double>(n);
  const double centre = (share + z * z / (2 * count)) / (1 + z * z / count);
  const double half =
      z / (1 + z * z / count) * std::sqrt(share * (1 - share) / count + z * z / (4 * count * count));
  return {std::max(0.0, centre - half), std::min(1.0, centre + half)};
}

WeightedMean weighted_mean(std::span<const WeightedShare> parts) {
  double weights = 0.0;
  for (const WeightedShare& part : parts) weights += part.weight;
  if (!(weights > 0.0)) fail_internal("weighted mean of {} parts with weights of {}", parts.size(), weights);
  WeightedMean mean;
  double below = 0.0;
  double above = 0.0;
  for (const WeightedShare& part : parts) {
    const double weight = part.weight / weights;
    mean.share += weight * part.share;
    below += std::pow(weight * (part.share - part.interval.low), 2);
    above += std::pow(weight * (part.interval.high - part.share), 2);
  }
  mean.interval = {mean.share - std::sqrt(below), mean.share + std::sqrt(above)};
  return mean;
}

}  // namespace armorm::stats
