// Rank statistics of paired samples.
//
// All functions require x.size() == y.size() (internal error otherwise). An undefined statistic is NaN, never
// an invented number: a correlation of fewer than two pairs or with a constant sample, and anything computed
// from a NaN.
#pragma once

#include <span>
#include <vector>

namespace armorm::stats {

// Ranks 1..n of x; equal values share the average of their ranks (scipy.stats.rankdata, method "average"). A
// NaN anywhere makes every rank NaN.
std::vector<double> average_ranks(std::span<const double> x);
std::vector<double> average_ranks(std::span<const float> x);

// Spearman's rank correlation: Pearson's correlation of the average ranks (scipy.stats.spearmanr).
double spearman(std::span<const double> x, std::span<const double> y);
// The same from ranks of average_ranks(), so that each sample is ranked once for many pairs. The sums are
// exact (integers).
double spearman_of_ranks(std::span<const double> x_ranks, std::span<const double> y_ranks);

}  // namespace armorm::stats
