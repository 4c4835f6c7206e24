// Goodness of fit of predictions, and its bootstrap intervals with whole prompts resampled.
#pragma once

#include <cstdint>
#include <vector>

#include "stats/interval.h"

namespace armorm {

// Predictions beside labels; all vectors have one value for each row.
struct ScoredSample {
  std::vector<double> predictions;
  std::vector<double> labels;
  std::vector<double> weights;
  std::vector<std::int64_t> prompts;  // equal numbers are resampled together
};

struct Fitness {
  double mse = kNotMeasured;        // weighted
  double r_squared = kNotMeasured;  // weighted; NaN for constant labels or fewer than two rows
};
Fitness measure_fitness(const ScoredSample& sample);

struct BootstrapIntervals {
  Interval r_squared;
  Interval spearman;
};
// percentile_interval() over n_resamples draws of as many
// prompts as there are, with replacement. Resamples in which a statistic is not defined are left out of its
// interval.
BootstrapIntervals bootstrap(const ScoredSample& sample, int n_resamples, double confidence,
                             std::uint64_t seed);

// Spearman's correlation of rows taken counts[i] times each. The orders sort the rows by x and by y.
double repeated_spearman(const std::vector<double>& x, const std::vector<double>& y,
                         const std::vector<std::size_t>& x_order, const std::vector<std::size_t>& y_order,
                         const std::vector<std::int64_t>& counts);

}  // namespace armorm
