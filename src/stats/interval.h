// Intervals of a statistic, from the values that resampling gave it.
#pragma once

#include <limits>
#include <vector>

namespace armorm {

inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

struct Interval {
  double low = kNotMeasured;
  double high = kNotMeasured;
};

// Between the two percentiles that leave (1 - confidence) / 2 outside on either side, with linear
// interpolation between order statistics. NaN among the values are left out; kNotMeasured for none.
Interval percentile_interval(std::vector<double> values, double confidence);

}  // namespace armorm
