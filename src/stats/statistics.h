// Rank and moment statistics of paired samples.
//
// All functions require x.size() == y.size() (internal error otherwise). An undefined statistic is NaN, never
// an invented number: a correlation or R² of fewer than two pairs, a correlation with a constant sample, R²
// of a constant target, an MSE of no pairs, and anything computed from a NaN.
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
double spearman(std::span<const float> x, std::span<const float> y);
// The same from ranks of average_ranks(), so that each sample is ranked once for many pairs. The sums are
// exact (integers).
double spearman_of_ranks(std::span<const double> x_ranks, std::span<const double> y_ranks);

double pearson(std::span<const double> x, std::span<const double> y);

// Mean of (prediction - target)².
double mean_squared_error(std::span<const double> prediction, std::span<const double> target);

// 1 - Σ(target - prediction)² / Σ(target - mean target)².
double r_squared(std::span<const double> prediction, std::span<const double> target);

}  // namespace armorm
