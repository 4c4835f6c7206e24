#include "eval/paired_test.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"

namespace armorm::eval {

double mcnemar_p_value(std::int64_t only_first, std::int64_t only_second) {
  if (only_first < 0 || only_second < 0)
    fail_internal("McNemar's test of {} and {} pairs", only_first, only_second);
  const auto n = static_cast<double>(only_first + only_second);
  const std::int64_t fewer = std::min(only_first, only_second);
  const auto k = static_cast<double>(fewer);
  // P(X <= k) for Binomial(n, 1/2), from the largest term downwards: P(X = k - 1) = P(X = k) k / (n - k + 1).
  const double log_largest =
      std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::numbers::ln2;
  double sum = 0.0;
  double term = 1.0;
  for (std::int64_t i = fewer; i >= 0 && term > sum * 1e-17; --i) {
    sum += term;
    term *= static_cast<double>(i) / (n - static_cast<double>(i) + 1);
  }
  return std::min(1.0, 2.0 * std::exp(log_largest) * sum);
}

double weighted_mcnemar_p_value(std::span<const PairedStratum> strata) {
  if (strata.empty()) return std::numeric_limits<double>::quiet_NaN();
  double difference = 0.0;
  double variance = 0.0;
  for (const PairedStratum& s : strata) {
    const double weight = s.weight / static_cast<double>(s.n);
    difference += weight * static_cast<double>(s.only_first_right - s.only_second_right);
    variance += weight * weight * static_cast<double>(s.only_first_right + s.only_second_right);
  }
  return variance > 0.0 ? std::erfc(std::abs(difference) / std::sqrt(2.0 * variance)) : 1.0;
}

PairedTest compare_scorers(const gating::PairScores& first, const gating::PairScores& second) {
  const std::size_t n = first.chosen.size();
  if (first.rejected.size() != n || second.chosen.size() != n || second.rejected.size() != n)
    fail_internal("McNemar's test: {} pairs, the other scorer has {}", n, second.chosen.size());
  PairedTest test;
  for (std::size_t i = 0; i < n; ++i) {
    const bool a = first.chosen[i] > first.rejected[i];
    const bool b = second.chosen[i] > second.rejected[i];
    ++(a ? (b ? test.both_right : test.only_first_right) : (b ? test.only_second_right : test.both_wrong));
  }
  test.p_value = mcnemar_p_value(test.only_first_right, test.only_second_right);
  return test;
}

}  // namespace armorm::eval
