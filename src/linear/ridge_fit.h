// One decomposed ridge problem and its weights for a list of alphas.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "linear/dense/band_solver.h"
#include "linear/dense/dense.h"
#include "linear/ridge.h"
#include "linear/ridge_problem.h"

namespace armorm::linear {

// Weights [alphas][attributes][D] and intercepts [alphas][attributes], for untransformed embeddings.
struct Candidates {
  std::size_t n_alphas = 0;
  std::size_t n_attributes = 0;
  std::vector<double> weights;
  std::vector<double> intercepts;

  std::size_t index(std::size_t alpha, std::size_t attribute) const {
    return alpha * n_attributes + attribute;
  }
};

class RidgeFit {
 public:
  // Requires problem.n_rows > 0. Consumes the problem; if its gram is left, its memory can serve another one.
  // Alphas of later calls are at least smallest_alpha. leverages() may be called only if announced here.
  RidgeFit(RidgeProblem& problem, const RidgeOptions& options, double smallest_alpha, bool leverages = false);

  Candidates solve(std::span<const double> alphas) const;
  // Leverages h_i = w_i (x_i' (X'WX + alpha I)^-1 x_i [+ 1 / Σw with an intercept]) of training rows [n, D],
  // which are overwritten; out [alphas][n].
  void leverages(std::span<const double> alphas, std::span<double> rows, std::span<const double> weights,
                 double* out) const;

 private:
  void solve_rotated(double alpha, std::span<double> vectors) const;

  bool centred_;
  double weight_;
  ColumnTransform transform_;
  std::vector<double> y_mean_;      // [attributes]
  std::vector<double> rotated_xy_;  // [attributes][D]
  // Set where the band reduction applies: it is the fastest decomposition. The many solves per alpha that
  // leverages need are cheaper with a tridiagonal matrix.
  std::optional<dense::BandSolver> band_;
  std::optional<dense::ShiftedSolver> solver_;
};

}  // namespace armorm::linear
