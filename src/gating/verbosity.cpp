#include "armorm/gating/verbosity.h"

#include <fmt/ranges.h>

#include <cmath>
#include <limits>

#include "armorm/core/error.h"
#include "armorm/linear/statistics.h"

namespace armorm {
namespace {

std::vector<double> column(MatrixView<const float> m, std::int64_t c) {
  std::vector<double> out(static_cast<std::size_t>(m.rows));
  for (std::int64_t r = 0; r < m.rows; ++r) out[static_cast<std::size_t>(r)] = m.at(r, c);
  return out;
}

// Correlations of one attribute's penalised rewards with verbosity, whose ranks are made once.
class PenaltySearch {
 public:
  PenaltySearch(MatrixView<const float> rewards, std::int64_t verbosity_dim)
      : rewards_(rewards), verbosity_(column(rewards, verbosity_dim)), ranks_(average_ranks(verbosity_)) {}

  // The rewards are float32 and so is their difference, as in the Python scripts: ties fall as they do there.
  double correlation(const std::vector<double>& attribute, double penalty) const {
    std::vector<float> penalised(attribute.size());
    for (std::size_t i = 0; i < attribute.size(); ++i)
      penalised[i] = static_cast<float>(attribute[i]) - static_cast<float>(penalty) * static_cast<float>(verbosity_[i]);
    return spearman_of_ranks(average_ranks(penalised), ranks_);
  }

  AttributePenalty search(std::int64_t k, const DebiasOptions& options) const {
    const std::vector<double> attribute = column(rewards_, k);
    AttributePenalty result;
    result.correlation_before = result.correlation_after = correlation(attribute, 0.0);
    if (std::isnan(result.correlation_before)) return result;  // constant
    for (const double penalty : options.penalty_grid) {
      result.penalty = penalty;
      result.correlation_after = correlation(attribute, penalty);
      if (result.correlation_after <= options.corr_threshold) return result;
    }
    result.met = false;
    if (options.on_unmet == OnUnmet::keep) {
      result.penalty = 0.0;
      result.correlation_after = result.correlation_before;
    }
    return result;
  }

  bool verbosity_is_constant() const {
    for (const double v : verbosity_)
      if (v != verbosity_.front()) return false;
    return true;
  }

 private:
  MatrixView<const float> rewards_;
  std::vector<double> verbosity_;
  std::vector<double> ranks_;
};

void check_grid(const std::vector<double>& grid) {
  if (grid.empty()) fail_usage("--penalty_grid: is empty; give at least one penalty");
  for (std::size_t i = 0; i < grid.size(); ++i)
    if (!std::isfinite(grid[i]) || grid[i] < 0 || (i > 0 && grid[i] <= grid[i - 1]))
      fail_usage("--penalty_grid: {} at position {} is out of order; give ascending numbers from 0 on", grid[i], i + 1);
}

// A NaN would make every correlation NaN and pass for a constant attribute.
void check_finite(MatrixView<const float> rewards, const std::vector<std::string>& attributes) {
  for (std::int64_t row = 0; row < rewards.rows; ++row)
    for (std::int64_t k = 0; k < rewards.cols; ++k)
      if (!std::isfinite(rewards.at(row, k)))
        fail_data("verbosity debiasing: reward '{}' of reference row {} is {}, expected a finite number; check the "
                  "embeddings and regression weights",
                  attributes[static_cast<std::size_t>(k)], row, rewards.at(row, k));
}

void check_met(const DebiasResult& result, const std::vector<std::string>& attributes, const DebiasOptions& options) {
  std::vector<std::string> unmet;
  for (std::size_t k = 0; k < attributes.size(); ++k)
    if (!result.attributes[k].met)
      unmet.push_back(fmt::format("{} ({:.3f})", attributes[k], result.attributes[k].correlation_after));
  if (!unmet.empty() && options.on_unmet == OnUnmet::error)
    fail_data("verbosity debiasing: no penalty up to {} brings the correlation with verbosity to {} for: {}; raise "
              "--corr_threshold, or choose with --on_unmet keep|max",
              options.penalty_grid.back(), options.corr_threshold, fmt::join(unmet, ", "));
}

}  // namespace

const std::vector<double>& published_penalty_grid() {
  static const std::vector<double> grid = [] {
    std::vector<double> values{0.0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15};
    for (int percent = 20; percent <= 95; percent += 5) values.push_back(percent / 100.0);
    return values;
  }();
  return grid;
}

OnUnmet parse_on_unmet(std::string_view text) {
  if (text == "error") return OnUnmet::error;
  if (text == "keep") return OnUnmet::keep;
  if (text == "max") return OnUnmet::max;
  fail_usage("--on_unmet: '{}' is unknown; use error, keep or max", text);
}

DebiasResult find_debiasing_transform(MatrixView<const float> rewards, const std::vector<std::string>& attributes,
                                      const DebiasOptions& options) {
  const std::int64_t k = rewards.cols;
  const std::int64_t v = options.verbosity_dim;
  if (v < 0 || v >= k) fail_usage("--verbosity_dim: {} is no attribute; use 0 to {}", v, k - 1);
  check_grid(options.penalty_grid);
  check_finite(rewards, attributes);
  const PenaltySearch search(rewards, v);
  if (search.verbosity_is_constant())
    fail_data("verbosity debiasing: the reward of '{}' is the same for all {} reference rows; check --verbosity_dim and its "
              "labels", attributes[static_cast<std::size_t>(v)], rewards.rows);
  DebiasResult result;
  for (std::int64_t a = 0; a < k; ++a) {
    if (a == v)
      result.attributes.push_back({1.0, 1.0, std::numeric_limits<double>::quiet_NaN(), true});
    else
      result.attributes.push_back(search.search(a, options));
  }
  check_met(result, attributes, options);
  result.transform.assign(static_cast<std::size_t>(k * k), 0.0F);
  for (std::int64_t a = 0; a < k; ++a) {
    result.transform[static_cast<std::size_t>(a * k + a)] += 1.0F;
    result.transform[static_cast<std::size_t>(v * k + a)] -= static_cast<float>(result.attributes[static_cast<std::size_t>(a)].penalty);
  }
  return result;
}

}  // namespace armorm
