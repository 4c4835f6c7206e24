#include <algorithm>
#include <cmath>

#include "linear/ridge.h"

namespace armorm::linear {
namespace {

struct PairSums {
  double weight = 0.0;
  double x = 0.0;
  double y = 0.0;
  double xx = 0.0;
  double yy = 0.0;
  double xy = 0.0;
};

double correlation(const PairSums& sums) {
  constexpr double kRounding = 1e-12;
  const double xx = sums.xx - sums.x * sums.x / sums.weight;
  const double yy = sums.yy - sums.y * sums.y / sums.weight;
  const double xy = sums.xy - sums.x * sums.y / sums.weight;
  const bool varies = xx > kRounding * sums.xx && yy > kRounding * sums.yy;
  return varies ? std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0) : stats::kNotMeasured;
}

PairSums pair_sums(const RidgeMoments& moments, std::size_t a, std::size_t b) {
  PairSums sums;
  for (const auto& entry : moments.blocks()) {
    const MomentKey& key = entry.first;
    const MomentBlock& block = entry.second;
    if (key.pattern[a] != '1' || key.pattern[b] != '1') continue;
    const auto present = [&](std::size_t k) {
      return std::count(key.pattern.begin(), key.pattern.begin() + static_cast<std::int64_t>(k), '1');
    };
    const std::int64_t x = moments.n_features() + present(a);
    const std::int64_t y = moments.n_features() + present(b);
    const std::int64_t one = moments.n_features() + present(key.pattern.size());
    const auto at = [&](std::int64_t i, std::int64_t j) {
      const std::int64_t row = std::max(i, j);
      return block.lower[static_cast<std::size_t>(row * (row + 1) / 2 + std::min(i, j))];
    };
    sums.weight += at(one, one);
    sums.x += at(one, x);
    sums.y += at(one, y);
    sums.xx += at(x, x);
    sums.yy += at(y, y);
    sums.xy += at(x, y);
  }
  return sums;
}

}  // namespace

std::vector<double> label_correlations(const RidgeMoments& moments) {
  const auto n = static_cast<std::size_t>(moments.n_attributes());
  std::vector<double> correlations(n * n, stats::kNotMeasured);
  for (std::size_t a = 0; a < n; ++a) {
    for (std::size_t b = 0; b <= a; ++b) {
      correlations[a * n + b] = correlations[b * n + a] = correlation(pair_sums(moments, a, b));
    }
  }
  return correlations;
}

}  // namespace armorm::linear
