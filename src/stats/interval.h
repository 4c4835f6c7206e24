// Intervals of a statistic from its resampled values.
#pragma once

#include <limits>
#include <vector>

namespace armorm::stats {

inline constexpr double kNotMeasured = std::numeric_limits<double>::quiet_NaN();

struct Interval {
  double low = kNotMeasured;
  double high = kNotMeasured;
};

// Interval between the two percentiles that leave (1 - confidence) / 2 on either side, with linear
// interpolation between order statistics. NaN values are left out; kNotMeasured without values.
Interval percentile_interval(std::vector<double> values, double confidence);

}  // namespace armorm::stats
