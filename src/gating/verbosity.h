// Verbosity debiasing: a linear transformation of the rewards that removes their rank correlation with
// verbosity.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "armorm/gate_choices.h"
#include "core/matrix_view.h"

namespace armorm::gating {

// 0, .01, .025, .05, .075, .1, .125, .15, .2, .25, ..., .95: the published grid.
const std::vector<double>& published_penalty_grid();

inline constexpr double kPenaltyTolerance = 1e-6;  // of PenaltySearch::bisection

struct DebiasOptions {
  std::int64_t verbosity_dim = 4;
  double corr_threshold = 0.03;                                 // Spearman correlation with the target
  std::vector<double> penalty_grid = published_penalty_grid();  // ascending
  OnUnmet on_unmet = OnUnmet::error;
  // Of an unmet attribute, with a warning, in place of on_unmet. As in the Python scripts constant rewards
  // are then no error: they have no correlation, which meets no threshold.
  std::optional<double> unmet_penalty;
  VerbosityTarget target = VerbosityTarget::attribute;
  PenaltySearch search = PenaltySearch::grid;
  int threads =
      0;  // one attribute per thread; 0 = all that this process may use. The result does not depend on it.
  // Of the verbosity rewards and the target's ranks, 8 bytes a row of `rewards`. Must be thread-safe.
  std::pmr::memory_resource* memory = std::pmr::get_default_resource();
  // The buffers of a search take 20 bytes a row for each thread. As many threads are used as have theirs
  // within this; if one has not, it uses `memory`.
  std::size_t search_bytes = std::size_t{1} << 30;
};

struct AttributePenalty {
  double penalty = 0.0;             // lambda; 1 for verbosity itself
  double correlation_before = 0.0;  // Spearman(R_k, target)
  double correlation_after =
      0.0;  // Spearman(R_k - lambda R_v, target); NaN for verbosity itself, which is removed
  bool met = true;
};

struct DebiasResult {
  std::vector<AttributePenalty> attributes;  // [K]
  std::vector<float> transform;              // T [K, K] row-major: debiased rewards are r T
};

// rewards [M, K]: the reference distribution; lengths [M]: response tokens, used only with
// VerbosityTarget::length. Each attribute k takes the smallest penalty lambda that the search finds with
//   Spearman(R_k - lambda R_v, target) <= corr_threshold,
// and T subtracts lambda R_v from R_k. With either target the verbosity reward is what is subtracted: scoring
// has no access to the length. Verbosity itself takes penalty 1, which removes it; a smaller penalty would
// only scale it and keep its correlation with the target. An attribute with constant rewards (zero weights)
// has no correlation and takes penalty 0.
//
// The correlation is a step function of lambda and need not be monotonic; the search finds the first crossing
// on the grid. Bisection keeps a lower penalty that does not meet the threshold and an upper one that does,
// and returns the upper one.
//
// With VerbosityTarget::length there may be no such penalty, if the verbosity reward itself does not rise
// with length (logged as a warning). The attribute is then unmet, as when the grid ends too early. usage
// error when verbosity_dim is not an attribute; data error when the verbosity rewards or the lengths are
// constant, when no other attribute keeps rewards that vary (every score would be the same), or, with
// OnUnmet::error, when an attribute is unmet.
DebiasResult find_debiasing_transform(MatrixView<const float> rewards,
                                      const std::vector<std::string>& attributes,
                                      const DebiasOptions& options,
                                      std::span<const std::int64_t> lengths = {});

}  // namespace armorm::gating
