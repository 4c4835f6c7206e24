// Rank statistics of paired samples.
//
// All functions need x.size() == y.size() (internal error otherwise). Where a statistic is not defined the
// result is NaN, never an invented number: a correlation of fewer than two pairs or with a constant side, and
// anything computed from a NaN.
#pragma once

#include <span>
#include <vector>

namespace armorm {

// Ranks 1..n of x; equal values share the average of their ranks (scipy.stats.rankdata, method "average"). A
// NaN anywhere makes every rank NaN.
std::vector<double> average_ranks(std::span<const double> x);
std::vector<double> average_ranks(std::span<const float> x);

// Spearman's rank correlation: Pearson's correlation of the average ranks (scipy.stats.spearmanr).
double spearman(std::span<const double> x, std::span<const double> y);
// The same from ranks that average_ranks made, to rank each sample once for many pairs. Sums are exact
// (integers).
double spearman_of_ranks(std::span<const double> x_ranks, std::span<const double> y_ranks);

}  // namespace armorm
