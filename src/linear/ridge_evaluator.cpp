#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/error.h"
#include "core/phase.h"
#include "core/worker_pool.h"
#include "linear/bootstrap.h"
#include "linear/dense/dense.h"
#include "linear/ridge.h"
#include "linear/row_chunk.h"
#include "stats/statistics.h"

namespace armorm::linear {
namespace {

std::vector<CalibrationBin> calibrate(const ScoredSample& sample) {
  constexpr std::size_t kBins = 10;
  std::vector<std::size_t> order(sample.predictions.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return sample.predictions[a] < sample.predictions[b];
  });
  const std::size_t n_bins = std::min(kBins, order.size());
  std::vector<CalibrationBin> bins(n_bins);
  for (std::size_t b = 0; b < n_bins; ++b) {
    const std::size_t begin = b * order.size() / n_bins;
    const std::size_t end = (b + 1) * order.size() / n_bins;
    for (std::size_t i = begin; i < end; ++i) {
      bins[b].mean_prediction += sample.predictions[order[i]];
      bins[b].mean_label += sample.labels[order[i]];
    }
    bins[b].n_rows = static_cast<std::int64_t>(end - begin);
    bins[b].mean_prediction /= static_cast<double>(end - begin);
    bins[b].mean_label /= static_cast<double>(end - begin);
  }
  return bins;
}

}  // namespace

struct RidgeEvaluator::Impl {
  Impl(const RidgeResult& result, const EvaluationOptions& options_, RowGroup group)
      : options(options_),
        validation_group(group),
        n_features(result.n_features),
        weights(result.training_weights),
        intercepts(result.training_intercepts),
        samples(result.attributes.size()),
        pool(options_.n_threads) {}

  template <class T>
  void add_block(MatrixView<const T> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> row_weights,
                 std::span<const std::int64_t> prompts);
  void keep(std::span<const float> labels, const double* predictions, double weight, std::int64_t prompt);
  void measure(std::size_t k, AttributeFit& fit, Phase& phase) const;

  EvaluationOptions options;
  RowGroup validation_group;
  std::int64_t n_features;
  std::vector<double> weights;  // [K, D]
  std::vector<double> intercepts;
  std::vector<ScoredSample> samples;  // [K]
  std::int64_t n_rows = 0;
  WorkerPool pool;
};

template <class T>
void RidgeEvaluator::Impl::add_block(MatrixView<const T> embeddings, MatrixView<const float> labels,
                                     std::span<const RowGroup> groups, std::span<const float> row_weights,
                                     std::span<const std::int64_t> prompts) {
  const auto n = static_cast<std::size_t>(embeddings.rows);
  const auto fits = [n](std::size_t size) { return size == 0 || size == n; };
  if (embeddings.cols != n_features || labels.cols != static_cast<std::int64_t>(samples.size()) ||
      labels.rows != embeddings.rows || groups.size() != n || !fits(row_weights.size()) ||
      !fits(prompts.size())) {
    fail_internal("ridge: a block of {} rows does not have the sizes of the result", n);
  }
  std::vector<std::int64_t> rows;
  for (std::int64_t r = 0; r < embeddings.rows; ++r) {
    if (groups[static_cast<std::size_t>(r)] == validation_group) rows.push_back(r);
  }
  const std::size_t n_labels = samples.size();
  std::vector<double> predictions(rows.size() * n_labels);
  Phase phase("ridge: predictions of the validation rows", std::ssize(rows));
  pool.run(static_cast<std::int64_t>((rows.size() + kChunkRows - 1) / kChunkRows), [&](std::int64_t chunk) {
    phase.advance(kChunkRows);
    const std::size_t begin = static_cast<std::size_t>(chunk) * kChunkRows;
    const auto part = std::span(rows).subspan(begin, std::min(kChunkRows, rows.size() - begin));
    const std::vector<double> values = gather_rows(embeddings, part);
    dense::products(n_features, static_cast<std::int64_t>(part.size()), values.data(),
                    static_cast<std::int64_t>(n_labels), weights.data(),
                    predictions.data() + begin * n_labels);
  });
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto r = static_cast<std::size_t>(rows[i]);
    const double weight = row_weights.empty() ? 1.0 : row_weights[r];
    // Rows without a prompt number get unique negative numbers.
    const std::int64_t prompt = prompts.empty() ? -1 - n_rows : prompts[r];
    keep(labels.row(rows[i]), predictions.data() + i * n_labels, weight, prompt);
    ++n_rows;
  }
}

void RidgeEvaluator::Impl::keep(std::span<const float> labels, const double* predictions, double weight,
                                std::int64_t prompt) {
  for (std::size_t k = 0; k < samples.size(); ++k) {
    if (std::isnan(labels[k])) continue;
    samples[k].predictions.push_back(predictions[k] + intercepts[k]);
    samples[k].labels.push_back(labels[k]);
    samples[k].weights.push_back(weight);
    samples[k].prompts.push_back(prompt);
  }
}

void RidgeEvaluator::Impl::measure(std::size_t k, AttributeFit& fit, Phase& phase) const {
  const ScoredSample& sample = samples[k];
  const bool fitted = fit.status == AttributeStatus::fitted;
  if (!fitted) return;
  if (static_cast<std::int64_t>(sample.labels.size()) != fit.n_validation) {
    fail_internal("ridge: the second pass has {} validation rows for attribute {}, the first had {}",
                  sample.labels.size(), k, fit.n_validation);
  }
  const Fitness fitness = measure_fitness(sample);
  fit.validation_mse = fitness.mse;
  fit.r_squared = fitness.r_squared;
  fit.spearman = stats::spearman(sample.predictions, sample.labels);
  fit.calibration = calibrate(sample);
  if (options.n_bootstrap == 0) return;
  const BootstrapIntervals intervals =
      bootstrap(sample, options.n_bootstrap, options.confidence, options.seed + k, [&] { phase.advance(); });
  fit.r_squared_interval = intervals.r_squared;
  fit.spearman_interval = intervals.spearman;
}

RidgeEvaluator::RidgeEvaluator(const RidgeResult& result, const EvaluationOptions& options,
                               RowGroup validation_group)
    : impl_(std::make_unique<Impl>(result, options, validation_group)) {
  if (options.n_bootstrap < 0)
    fail_usage("ridge: n_bootstrap is {}, expected a count >= 0", options.n_bootstrap);
  if (!(options.confidence > 0.0 && options.confidence < 1.0)) {
    fail_usage("ridge: confidence is {}, expected a fraction between 0 and 1", options.confidence);
  }
}
RidgeEvaluator::~RidgeEvaluator() = default;
RidgeEvaluator::RidgeEvaluator(RidgeEvaluator&&) noexcept = default;

void RidgeEvaluator::add_block(MatrixView<const BFloat16> embeddings, MatrixView<const float> labels,
                               std::span<const RowGroup> groups, std::span<const float> weights,
                               std::span<const std::int64_t> prompts) {
  impl_->add_block(embeddings, labels, groups, weights, prompts);
}
void RidgeEvaluator::add_block(MatrixView<const float> embeddings, MatrixView<const float> labels,
                               std::span<const RowGroup> groups, std::span<const float> weights,
                               std::span<const std::int64_t> prompts) {
  impl_->add_block(embeddings, labels, groups, weights, prompts);
}

void RidgeEvaluator::finish(RidgeResult& result) {
  const std::int64_t n = std::ssize(result.attributes);
  Phase phase("ridge: figures of the validation rows", n * std::max(impl_->options.n_bootstrap, 1),
              impl_->options.n_bootstrap > 0 ? "resamples" : "attributes");
  impl_->pool.run(n, [&](std::int64_t k) {
    phase.advance(impl_->options.n_bootstrap > 0 ? 0 : 1);
    impl_->measure(static_cast<std::size_t>(k), result.attributes[static_cast<std::size_t>(k)], phase);
  });
}

std::span<const double> RidgeEvaluator::predictions(std::int64_t k) const {
  return impl_->samples.at(static_cast<std::size_t>(k)).predictions;
}
std::span<const double> RidgeEvaluator::labels(std::int64_t k) const {
  return impl_->samples.at(static_cast<std::size_t>(k)).labels;
}

}  // namespace armorm::linear
