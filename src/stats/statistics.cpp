#include "stats/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>

#include "core/error.h"

namespace armorm::stats {
namespace {

__extension__ using Int128 = __int128;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void check_pairs(std::size_t n_x, std::size_t n_y) {
  if (n_x != n_y) fail_internal("statistics: {} and {} values, expected equal numbers", n_x, n_y);
}

template <class T>
bool has_nan(std::span<const T> x) {
  return std::any_of(x.begin(), x.end(), [](T value) { return std::isnan(value); });
}

template <class T>
std::vector<double> ranks_of(std::span<const T> x) {
  std::vector<double> ranks(x.size(), kNaN);
  if (has_nan(x)) return ranks;
  std::vector<std::size_t> order(x.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return x[a] < x[b]; });
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && x[order[end]] == x[order[begin]]) ++end;
    // Positions begin+1 .. end have the average (begin + 1 + end) / 2.
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    begin = end;
  }
  return ranks;
}

}  // namespace

std::vector<double> average_ranks(std::span<const double> x) { return ranks_of(x); }
std::vector<double> average_ranks(std::span<const float> x) { return ranks_of(x); }

double spearman(std::span<const double> x, std::span<const double> y) {
  check_pairs(x.size(), y.size());
  return spearman_of_ranks(average_ranks(x), average_ranks(y));
}

double spearman_of_ranks(std::span<const double> x_ranks, std::span<const double> y_ranks) {
  check_pairs(x_ranks.size(), y_ranks.size());
  if (x_ranks.size() < 2 || std::isnan(x_ranks[0]) || std::isnan(y_ranks[0])) return kNaN;
  // Twice a rank is an integer and the mean rank is (n + 1) / 2, so the centred sums are exact integers.
  const auto centre = static_cast<std::int64_t>(x_ranks.size()) + 1;
  Int128 xy = 0;
  Int128 xx = 0;
  Int128 yy = 0;
  for (std::size_t i = 0; i < x_ranks.size(); ++i) {
    const Int128 x = static_cast<std::int64_t>(2.0 * x_ranks[i]) - centre;
    const Int128 y = static_cast<std::int64_t>(2.0 * y_ranks[i]) - centre;
    xy += x * y;
    xx += x * x;
    yy += y * y;
  }
  if (xx == 0 || yy == 0) return kNaN;
  const double scale = std::sqrt(static_cast<double>(xx)) * std::sqrt(static_cast<double>(yy));
  return std::clamp(static_cast<double>(xy) / scale, -1.0, 1.0);
}

}  // namespace armorm::stats
