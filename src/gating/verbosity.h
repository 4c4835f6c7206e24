// Verbosity debiasing: a linear transformation of the rewards that takes their rank correlation with
// verbosity away.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/matrix_view.h"
#include "gating/gate_choices.h"

namespace armorm {

// 0, .01, .025, .05, .075, .1, .125, .15, .2, .25, ..., .95: the published grid.
const std::vector<double>& published_penalty_grid();

inline constexpr double kPenaltyTolerance = 1e-6;  // of PenaltySearch::bisection

struct DebiasOptions {
  std::int64_t verbosity_dim = 4;
  double corr_threshold = 0.03;                                 // of Spearman's correlation with the target
  std::vector<double> penalty_grid = published_penalty_grid();  // ascending
  OnUnmet on_unmet = OnUnmet::error;
  VerbosityTarget target = VerbosityTarget::attribute;
  PenaltySearch search = PenaltySearch::grid;
  int threads =
      0;  // one attribute each; 0 = all that this process may use. The result does not depend on it.
};

struct AttributePenalty {
  double penalty = 0.0;             // lambda; 1 for verbosity itself
  double correlation_before = 0.0;  // Spearman(R_k, target)
  double correlation_after =
      0.0;  // Spearman(R_k - lambda R_v, target); NaN for verbosity itself, which is gone
  bool met = true;
};

struct DebiasResult {
  std::vector<AttributePenalty> attributes;  // [K]
  std::vector<float> transform;              // T [K, K] row-major: debiased rewards are r T
};

// rewards [M, K]: the reference distribution; lengths [M], used with VerbosityTarget::length alone: response
// tokens. Each attribute k takes the smallest penalty lambda, as the search finds it, with
//   Spearman(R_k - lambda R_v, target) <= corr_threshold,
// and T takes lambda R_v from R_k: whatever the target, what is subtracted is the verbosity reward, for a
// score knows rewards alone. Verbosity itself takes penalty 1, which leaves nothing of it: any smaller one
// only scales it, and its correlation with the target stays what it was. An attribute whose rewards are
// constant (its weights are zero) has no correlation and takes penalty 0.
//
// The correlation is a step function of lambda and need not fall steadily; found is the first crossing that
// the grid sees. Bisection keeps a penalty below that does not meet the threshold and one above that does,
// and returns the latter.
//
// Against length no penalty may do, where the verbosity reward itself does not rise with length (which is
// warned of): then the attribute is unmet, as it is when the grid ends too early. usage error when
// verbosity_dim is not an attribute; data error when the verbosity rewards or the lengths are constant, or,
// with OnUnmet::error, when an attribute is unmet.
DebiasResult find_debiasing_transform(MatrixView<const float> rewards,
                                      const std::vector<std::string>& attributes,
                                      const DebiasOptions& options,
                                      std::span<const std::int64_t> lengths = {});

}  // namespace armorm
