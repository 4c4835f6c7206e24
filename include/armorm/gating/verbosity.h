// Verbosity debiasing: a linear transformation of the rewards that takes their rank correlation with verbosity away.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "armorm/core/matrix_view.h"

namespace armorm {

// 0, .01, .025, .05, .075, .1, .125, .15, .2, .25, ..., .95: the published grid.
const std::vector<double>& published_penalty_grid();

// What to do with an attribute that no penalty of the grid brings to the threshold.
enum class OnUnmet {
  error,  // data error that names the attributes
  keep,   // penalty 0: the attribute stays as it is
  max,    // the largest penalty of the grid
};
OnUnmet parse_on_unmet(std::string_view text);  // usage error for another word

struct DebiasOptions {
  std::int64_t verbosity_dim = 4;
  double corr_threshold = 0.03;                              // of Spearman's correlation with verbosity
  std::vector<double> penalty_grid = published_penalty_grid();  // ascending
  OnUnmet on_unmet = OnUnmet::error;
};

struct AttributePenalty {
  double penalty = 0.0;             // lambda; 1 for verbosity itself
  double correlation_before = 0.0;  // Spearman(R_k, R_v)
  double correlation_after = 0.0;   // Spearman(R_k - lambda R_v, R_v); NaN for verbosity itself
  bool met = true;
};

struct DebiasResult {
  std::vector<AttributePenalty> attributes;  // [K]
  std::vector<float> transform;              // T [K, K] row-major: debiased rewards are r T
};

// rewards [M, K]: the reference distribution. Each attribute k takes the first penalty of the grid for which
// Spearman(R_k - penalty R_v, R_v) <= corr_threshold. An attribute whose rewards are constant (its weights are zero) has
// no correlation and takes penalty 0. usage error when verbosity_dim is not an attribute; data error when the
// verbosity rewards are constant, or, with OnUnmet::error, when an attribute does not meet the threshold.
DebiasResult find_debiasing_transform(MatrixView<const float> rewards, const std::vector<std::string>& attributes,
                                      const DebiasOptions& options);

}  // namespace armorm
