// Reference statistics for the tests; statistics_test.cpp compares them with SciPy and scikit-learn. NaN if
// undefined, as in stats/statistics.h.
#pragma once

#include <algorithm>
#include <cmath>
#include <span>

#include "stats/statistics.h"

namespace armorm::test {

inline double mean_of(std::span<const double> x) {
  double sum = 0.0;
  for (const double value : x) sum += value;
  return sum / static_cast<double>(x.size());
}

inline bool is_constant(std::span<const double> x) {
  return std::all_of(x.begin(), x.end(), [&](double value) { return value == x[0]; });
}

inline double spearman(std::span<const float> x, std::span<const float> y) {
  return stats::spearman_of_ranks(stats::average_ranks(x), stats::average_ranks(y));
}

inline double pearson(std::span<const double> x, std::span<const double> y) {
  // The rounded mean of equal values can differ from that value, so the sums alone do not show a constant.
  if (x.size() < 2 || is_constant(x) || is_constant(y)) return NAN;
  const double mean_x = mean_of(x);
  const double mean_y = mean_of(y);
  double xy = 0.0;
  double xx = 0.0;
  double yy = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy += (x[i] - mean_x) * (y[i] - mean_y);
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    yy += (y[i] - mean_y) * (y[i] - mean_y);
  }
  return std::clamp(xy / (std::sqrt(xx) * std::sqrt(yy)), -1.0, 1.0);
}

// Mean of (prediction - target)².
inline double mean_squared_error(std::span<const double> prediction, std::span<const double> target) {
  if (target.empty()) return NAN;
  double sum = 0.0;
  for (std::size_t i = 0; i < target.size(); ++i)
    sum += (prediction[i] - target[i]) * (prediction[i] - target[i]);
  return sum / static_cast<double>(target.size());
}

// 1 - Σ(target - prediction)² / Σ(target - mean target)².
inline double r_squared(std::span<const double> prediction, std::span<const double> target) {
  if (target.size() < 2 || is_constant(target)) return NAN;
  const double mean = mean_of(target);
  double total = 0.0;
  for (const double value : target) total += (value - mean) * (value - mean);
  return 1.0 - mean_squared_error(prediction, target) * static_cast<double>(target.size()) / total;
}

}  // namespace armorm::test
