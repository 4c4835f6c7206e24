// Intervals of shares, and of weighted means of them.
#pragma once

#include <cstdint>
#include <span>

namespace armorm {

struct Proportion {
  double low = 0.0;
  double high = 0.0;
};

// 95 % Wilson score interval of a proportion; [0, 1] for n = 0.
Proportion wilson_interval(std::int64_t correct, std::int64_t n);
// The same for a mean `share` of n credits in [0, 1], which vary no more than right and wrong with that mean
// would: the interval is conservative where there are credits in between. internal error for a share outside
// [0, 1].
Proportion wilson_interval_of_share(double share, std::int64_t n);

// One independently measured part of a weighted mean.
struct WeightedShare {
  double weight = 0.0;
  double share = 0.0;
  Proportion interval;  // of the share
};

// sum(weight * share) / sum(weight), and its interval of the same level: the parts' distances from their own
// limits add up in quadrature (MOVER, Zou and Donner, Statistics in Medicine 27, 2008). Unlike mean +- z
// standard errors it does not collapse where a part is all right or all wrong; for one part it is that part's
// interval. internal error without positive weights.
struct WeightedMean {
  double share = 0.0;
  Proportion interval;
};
WeightedMean weighted_mean(std::span<const WeightedShare> parts);

}  // namespace armorm
