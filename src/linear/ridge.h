// Ridge regression of K attributes on the same embeddings, each on the rows that have its label:
//     minimise  Σ w_i (y_i - x_i . b - c)² + alpha ||b||²
// with c = 0 unless fit_intercept and w = 1 unless weighted, for each alpha of a list. The alpha with the
// lowest loss is kept; on ties, the first one.
//
//   RidgeMoments moments;                          // pass 1, see ridge_moments.h; one accumulator per shard
//   RidgeSolver solver(moments, options);          // decompositions, losses from the moments
//   if (solver.needs_rows()) solver.add_block(...) // only leave-one-out, or losses that lost digits
//   RidgeResult result = solver.finish();
//   RidgeEvaluator evaluator(result, ...);         // pass 2 over validation rows: Spearman, intervals
//   evaluator.add_block(...); evaluator.finish(result);
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "armorm/ridge_cv.h"
#include "core/matrix_view.h"
#include "core/words.h"
#include "linear/ridge_moments.h"
#include "stats/interval.h"

namespace armorm::linear {

// 1e-4, 1e-3, ..., 1e4.
std::vector<double> default_alphas();
// "0.1,1,10" (order kept), or "lo:hi:n": n values from lo to hi, evenly spaced in log10. usage error when a
// value is not a finite number > 0, lo > hi, or n is not in [1, 1000].
std::vector<double> parse_alphas(std::string_view text);

struct RidgeOptions {
  std::vector<double> alphas = default_alphas();  // each > 0, at least one
  RidgeCv cv = RidgeCv::holdout;
  bool refit = false;        // final weights from all rows, validation included, with the chosen alpha
  bool standardize = false;  // divide columns by their standard deviation on the training rows before the fit
                             // (a constant column by 1); the returned weights are for unscaled embeddings
  bool fit_intercept = false;   // also centres the columns
  double fallback_alpha = 1.0;  // for an attribute whose alpha cannot be chosen (see AttributeStatus)
  int n_threads = 0;            // 0: one per core

  void validate() const;  // usage error that names the field
};

enum class AttributeStatus {
  fitted,
  no_labels,             // zero weights, best_alpha NaN
  no_training_labels,    // zero weights (with refit: fitted on the validation rows with fallback_alpha)
  no_training_weight,    // labels only on training rows of weight 0; treated as no_training_labels
  no_validation_labels,  // no validation figures; holdout uses fallback_alpha, kfold and loo choose as usual
  no_validation_weight,  // labels only on validation rows of weight 0; treated as no_validation_labels
};
constexpr std::array<std::string_view, 6> words_of(AttributeStatus) {
  return {"fitted",
          "no labels",
          "no training labels",
          "training labels of weight 0 only",
          "no validation labels",
          "validation labels of weight 0 only"};
}

// Validation rows with neighbouring predictions.
struct CalibrationBin {
  std::int64_t n_rows = 0;
  double mean_prediction = 0.0;
  double mean_label = 0.0;  // equal to mean_prediction when predictions are calibrated
};

struct AttributeFit {
  AttributeStatus status = AttributeStatus::fitted;
  std::int64_t n_train = 0;
  std::int64_t n_validation = 0;
  double best_alpha = stats::kNotMeasured;
  int best_index = -1;  // index into alphas; -1 when the alpha was not chosen from them
  bool at_grid_edge =
      // The best alpha is the smallest or largest of several: a wider grid may do better.
      false;
  std::vector<double> loss;  // [alphas] mean squared error that chose the alpha; empty without a choice
  // Measured on the validation rows with the weights fitted on the training rows (with refit, too). NaN where
  // not measured; before RidgeEvaluator, also where the alpha is the fallback.
  double validation_mse = stats::kNotMeasured;
  double r_squared = stats::kNotMeasured;
  double spearman = stats::kNotMeasured;  // set by RidgeEvaluator
  stats::Interval r_squared_interval;     // set by RidgeEvaluator if n_bootstrap > 0
  stats::Interval spearman_interval;
  std::vector<CalibrationBin>
      calibration;  // set by RidgeEvaluator: up to ten bins of equal size, predictions ascending
  // Estimated relative error, by cancellation, of the losses taken from the moments. Above kMomentTolerance
  // the losses are taken from the rows instead (needs_rows()).
  double moment_error = 0.0;
};
inline constexpr double kMomentTolerance = 1e-7;

// From fewer validation rows, R2 and Spearman are too uncertain to compare attributes by; reports mark them.
inline constexpr std::int64_t kFewValidationRows = 30;
inline bool measured_on_few_rows(const AttributeFit& fit) noexcept {
  return fit.n_validation > 0 && fit.n_validation < kFewValidationRows;
}

struct RidgeResult {
  std::int64_t n_features = 0;
  std::vector<double> alphas;
  std::vector<double> weights;           // [K, D], never NaN
  std::vector<double> intercepts;        // [K], zero unless fit_intercept
  std::vector<double> training_weights;  // [K, D], [K]: from the training rows alone; as above without refit
  std::vector<double> training_intercepts;
  std::vector<AttributeFit> attributes;  // [K]
};

// Keeps the decompositions only while rows are needed.
class RidgeSolver {
 public:
  // `moments` is not kept.
  RidgeSolver(const RidgeMoments& moments, const RidgeOptions& options);
  ~RidgeSolver();
  RidgeSolver(RidgeSolver&&) noexcept;

  // Whether add_block() must get every row before finish(): with leave-one-out, and when rounding would be
  // visible in a loss taken from the moments (nearly perfect fits).
  bool needs_rows() const noexcept;
  // The rows that the accumulators got, in any order.
  void add_block(MatrixView<const BFloat16> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> weights = {});
  void add_block(MatrixView<const float> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> weights = {});
  RidgeResult finish();  // internal error when needed rows differ in number from the moments

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct EvaluationOptions {
  int n_bootstrap = 0;       // resamples for the intervals; 0 = none
  double confidence = 0.95;  // level of the percentile intervals, in (0, 1)
  std::uint64_t seed = 0;
  int n_threads = 0;  // 0: one per core
};

// The second pass: predictions of the training weights on the validation rows. Memory: 2 doubles per label
// and row.
class RidgeEvaluator {
 public:
  RidgeEvaluator(const RidgeResult& result, const EvaluationOptions& options,
                 RowGroup validation_group = kValidationRow);
  ~RidgeEvaluator();
  RidgeEvaluator(RidgeEvaluator&&) noexcept;

  // Rows of other groups are skipped. `prompts` (empty: every row its own): rows of the same prompt have the
  // same number and are resampled together.
  void add_block(MatrixView<const BFloat16> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> weights = {},
                 std::span<const std::int64_t> prompts = {});
  void add_block(MatrixView<const float> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> weights = {},
                 std::span<const std::int64_t> prompts = {});
  // Sets validation_mse and r_squared (from the residuals), spearman (which ignores sample weights) and the
  // intervals.
  void finish(RidgeResult& result);

  // Predictions for attribute k, in the order the rows were added; valid until finish().
  std::span<const double> predictions(std::int64_t k) const;
  std::span<const double> labels(std::int64_t k) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Of more labels there is no matrix of correlations, which would outgrow everything else.
inline constexpr std::size_t kMaxCorrelatedLabels = 500;
// Pearson correlations [K, K] of the labels, each over the rows of all groups that have both labels; NaN
// where undefined. Empty for more than kMaxCorrelatedLabels.
std::vector<double> label_correlations(const RidgeMoments& moments);

}  // namespace armorm::linear
