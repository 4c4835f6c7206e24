// Goodness of fit of predictions, with bootstrap intervals that resample prompts, not single rows.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "stats/interval.h"

namespace armorm::linear {

// Predictions and labels; every vector has one value per row.
struct ScoredSample {
  std::vector<double> predictions;
  std::vector<double> labels;
  std::vector<double> weights;
  std::vector<std::int64_t> prompts;  // rows with the same number are resampled together
};

struct Fitness {
  double mse = stats::kNotMeasured;        // weighted
  double r_squared = stats::kNotMeasured;  // weighted; NaN for constant labels or fewer than two rows
};
Fitness measure_fitness(const ScoredSample& sample);

struct BootstrapIntervals {
  stats::Interval r_squared;
  stats::Interval spearman;
};
// percentile_interval() over n_resamples draws; each draws as many prompts as there are, with replacement. A
// resample in which a statistic is undefined is left out of its interval.
// `after_each` is called after each resample.
BootstrapIntervals bootstrap(const ScoredSample& sample, int n_resamples, double confidence,
                             std::uint64_t seed, const std::function<void()>& after_each = {});

// Spearman correlation in which row i counts counts[i] times. The orders sort the rows by x and by y.
double repeated_spearman(const std::vector<double>& x, const std::vector<double>& y,
                         const std::vector<std::size_t>& x_order, const std::vector<std::size_t>& y_order,
                         const std::vector<std::int64_t>& counts);

}  // namespace armorm::linear
