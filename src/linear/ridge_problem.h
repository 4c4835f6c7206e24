// The normal equations of attributes that share the same rows.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "linear/ridge_moments.h"

namespace armorm::linear {

// Attributes that occur in the same patterns, hence on the same rows.
struct AttributeSet {
  std::vector<std::int64_t> attributes;
  std::vector<const std::pair<const MomentKey, MomentBlock>*>
      blocks;  // of the patterns, in the moments' order
};
// Attributes without labels are in no set. The sets refer to the moments.
std::vector<AttributeSet> attribute_sets(const RidgeMoments& moments);

// Weighted sums over the rows of an attribute set in some groups.
struct RidgeProblem {
  std::int64_t n_features = 0;
  std::int64_t n_rows = 0;
  double weight = 0.0;        // Σ w
  std::vector<double> gram;   // X'WX [D, D], lower triangle
  std::vector<double> x_sum;  // X'w [D]
  std::vector<double> xy;     // Y'WX [attributes, D]
  std::vector<double> y_sum;  // [attributes]
  std::vector<double> yy;     // [attributes]
};
// `buffer`: memory of an earlier problem's gram, for reuse.
RidgeProblem make_problem(const RidgeMoments& moments, const AttributeSet& set,
                          const std::function<bool(RowGroup)>& use_group, std::vector<double> buffer = {});

// x' = (x - mean) / scale, under which the ridge penalty is taken.
struct ColumnTransform {
  std::vector<double> mean;   // empty: not centred
  std::vector<double> scale;  // empty: not scaled
};
// Computes the transform from the problem and applies it to gram and xy.
ColumnTransform transform_columns(RidgeProblem& problem, bool standardize, bool centre);
// Converts weights for transformed columns to weights for untransformed embeddings; returns the intercept.
double restore_weights(const ColumnTransform& transform, double y_mean, double* weights,
                       std::int64_t n_features);

// Loss of some weights on other rows, from the sums of those rows.
struct MomentLoss {
  double squared_error = 0.0;  // Σ w (y - x . b - c)²
  double rounding = 0.0;       // estimate of its absolute error by cancellation
};
// attribute: index in the set; gram_times_weights: X'WX b [D].
MomentLoss moment_loss(const RidgeProblem& problem, std::size_t attribute, const double* weights,
                       double intercept, const double* gram_times_weights);

}  // namespace armorm::linear
