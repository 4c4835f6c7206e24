// Confidence intervals of proportions, and of weighted means of proportions.
#pragma once

#include <cstdint>
#include <span>

namespace armorm::stats {

struct Proportion {
  double low = 0.0;
  double high = 0.0;
};

// 95 % Wilson score interval of a proportion; [0, 1] for n = 0.
Proportion wilson_interval(std::int64_t correct, std::int64_t n);
// The same for a mean `share` of n credits in [0, 1]. Such credits vary at most as much as 0/1 outcomes with
// the same mean, so the interval is conservative for fractional credits. internal error for a share outside
// [0, 1].
Proportion wilson_interval_of_share(double share, std::int64_t n);

// One independently measured component of a weighted mean.
struct WeightedShare {
  double weight = 0.0;
  double share = 0.0;
  Proportion interval;  // interval of the share
};

// sum(weight * share) / sum(weight) and its interval of the same level: the components' distances from their
// own limits add up in quadrature (MOVER, Zou and Donner, Statistics in Medicine 27, 2008). Unlike mean +- z
// standard errors the interval does not collapse where a component is all right or all wrong; for one
// component it is that component's interval. internal error without positive weights.
struct WeightedMean {
  double share = 0.0;
  Proportion interval;
};
WeightedMean weighted_mean(std::span<const WeightedShare> parts);

}  // namespace armorm::stats
