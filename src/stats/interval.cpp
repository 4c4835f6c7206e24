#include "stats/interval.h"

#include <algorithm>
#include <cmath>

namespace armorm::stats {

Interval percentile_interval(std::vector<double> values, double confidence) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const auto at = [&](double fraction) {
    const double position = fraction * static_cast<double>(values.size() - 1);
    const auto low = static_cast<std::size_t>(position);
    const std::size_t high = std::min(low + 1, values.size() - 1);
    return values[low] + (position - static_cast<double>(low)) * (values[high] - values[low]);
  };
  return {.low = at(0.5 * (1.0 - confidence)), .high = at(0.5 * (1.0 + confidence))};
}

}  // namespace armorm::stats
