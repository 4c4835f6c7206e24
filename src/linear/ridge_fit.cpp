#include "linear/ridge_fit.h"

#include <algorithm>
#include <utility>

#include "core/stop_point.h"

namespace armorm::linear {

namespace {

// With fewer rows than columns the smallest eigenvalue is zero, and the largest is at least the largest
// diagonal element. The band would be rejected only after the work of the reduction.
bool surely_singular(const RidgeProblem& problem, double smallest_alpha) {
  if (problem.n_rows >= problem.n_features) return false;
  double largest = 0.0;
  for (std::int64_t j = 0; j < problem.n_features; ++j)
    largest = std::max(largest, problem.gram[j * problem.n_features + j]);
  return smallest_alpha < dense::BandSolver::kMargin * largest;
}

}  // namespace

RidgeFit::RidgeFit(RidgeProblem& problem, const RidgeOptions& options, double smallest_alpha, bool leverages)
    : centred_(options.fit_intercept), weight_(problem.weight) {
  transform_ = transform_columns(problem, options.standardize, options.fit_intercept);
  for (const double sum : problem.y_sum) y_mean_.push_back(weight_ > 0.0 ? sum / weight_ : 0.0);
  // transform_columns() centres it first. NOLINTNEXTLINE(cppcoreguidelines-prefer-member-initializer)
  rotated_xy_ = std::move(problem.xy);
  if (!leverages && !surely_singular(problem, smallest_alpha))
    band_ = dense::BandSolver::reduce(problem.gram, problem.n_features, smallest_alpha);
  if (!band_) solver_.emplace(std::move(problem.gram), problem.n_features, smallest_alpha);
  if (band_) {
    band_->rotate(rotated_xy_);
  } else {
    solver_->rotate(rotated_xy_);
  }
}

void RidgeFit::solve_rotated(double alpha, std::span<double> vectors) const {
  if (band_) {
    band_->solve(alpha, vectors);
    return;
  }
  const auto n = static_cast<std::size_t>(solver_->size());
  for (std::size_t first = 0; first < vectors.size(); first += n)
    solver_->solve(alpha, vectors.subspan(first, n));
}

Candidates RidgeFit::solve(std::span<const double> alphas) const {
  const std::size_t n = rotated_xy_.size() / y_mean_.size();
  Candidates candidates{
      .n_alphas = alphas.size(), .n_attributes = y_mean_.size(), .weights = {}, .intercepts = {}};
  candidates.weights.reserve(alphas.size() * rotated_xy_.size());
  for (const double alpha : alphas) {
    stop_point();
    candidates.weights.insert(candidates.weights.end(), rotated_xy_.begin(), rotated_xy_.end());
    solve_rotated(alpha, std::span(candidates.weights).last(rotated_xy_.size()));
  }
  if (band_) {
    band_->unrotate(candidates.weights);
  } else {
    solver_->unrotate(candidates.weights);
  }
  for (std::size_t i = 0; i < alphas.size() * y_mean_.size(); ++i) {
    candidates.intercepts.push_back(restore_weights(transform_, y_mean_[i % y_mean_.size()],
                                                    candidates.weights.data() + i * n,
                                                    static_cast<std::int64_t>(n)));
  }
  return candidates;
}

void RidgeFit::leverages(std::span<const double> alphas, std::span<double> rows,
                         std::span<const double> weights, double* out) const {
  const auto n = static_cast<std::size_t>(solver_->size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (!transform_.mean.empty()) rows[i] -= transform_.mean[i % n];
    if (!transform_.scale.empty()) rows[i] /= transform_.scale[i % n];
  }
  solver_->rotate(rows);
  const double of_mean = centred_ ? 1.0 / weight_ : 0.0;
  for (std::size_t a = 0; a < alphas.size(); ++a) {
    for (std::size_t r = 0; r < weights.size(); ++r) {
      const double form = solver_->quadratic_form(alphas[a], rows.subspan(r * n, n));
      out[a * weights.size() + r] = weights[r] * (form + of_mean);
    }
  }
}

}  // namespace armorm::linear
