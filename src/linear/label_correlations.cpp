#include <algorithm>
#include <cmath>
#include <vector>

#include "core/stop_point.h"
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

// The sums of pairs (a, b), b <= a, at a (a + 1) / 2 + b.
void add_pairs(const RidgeMoments& moments, const MomentKey& key, const MomentBlock& block,
               std::vector<PairSums>& pairs) {
  std::vector<std::size_t> present;
  for (std::size_t k = 0; k < key.pattern.size(); ++k)
    if (key.pattern[k] == '1') present.push_back(k);
  const auto d = static_cast<std::size_t>(moments.n_features());
  const auto row = [&](std::size_t i) { return block.lower.data() + i * (i + 1) / 2; };
  const double* one = row(d + present.size());
  for (std::size_t i = 0; i < present.size(); ++i) {
    stop_point();
    const double* x = row(d + i);
    for (std::size_t j = 0; j <= i; ++j) {
      PairSums& sums = pairs[present[i] * (present[i] + 1) / 2 + present[j]];
      sums.weight += one[d + present.size()];
      sums.x += one[d + i];
      sums.y += one[d + j];
      sums.xx += x[d + i];
      sums.yy += row(d + j)[d + j];
      sums.xy += x[d + j];
    }
  }
}

}  // namespace

std::vector<double> label_correlations(const RidgeMoments& moments) {
  const auto n = static_cast<std::size_t>(moments.n_attributes());
  if (n > kMaxCorrelatedLabels) return {};
  std::vector<PairSums> pairs(n * (n + 1) / 2);
  for (const auto& [key, block] : moments.blocks()) add_pairs(moments, key, block, pairs);
  std::vector<double> correlations(n * n, stats::kNotMeasured);
  for (std::size_t a = 0; a < n; ++a)
    for (std::size_t b = 0; b <= a; ++b)
      correlations[a * n + b] = correlations[b * n + a] = correlation(pairs[a * (a + 1) / 2 + b]);
  return correlations;
}

}  // namespace armorm::linear
