#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "core/error.h"
#include "core/phase.h"
#include "core/stop_point.h"
#include "core/worker_pool.h"
#include "linear/dense/dense.h"
#include "linear/ridge.h"
#include "linear/ridge_fit.h"
#include "linear/ridge_problem.h"
#include "linear/row_chunk.h"

namespace armorm::linear {
namespace {

constexpr double kRounding = 1e-13;

// Σ w e² of each candidate, [alphas][attributes], and Σ w over the rows.
struct Losses {
  std::vector<double> squared_error;
  std::vector<double> rounding;
  double weight = 0.0;

  explicit Losses(std::size_t size = 0) : squared_error(size), rounding(size) {}
  void add(const Losses& other) {
    for (std::size_t i = 0; i < squared_error.size(); ++i) {
      squared_error[i] += other.squared_error[i];
      rounding[i] += other.rounding[i];
    }
    weight += other.weight;
  }
  double error(std::size_t i) const {
    return squared_error[i] > 0.0 ? rounding[i] / squared_error[i] : std::numeric_limits<double>::infinity();
  }
  bool accurate() const {
    for (std::size_t i = 0; i < squared_error.size(); ++i) {
      if (!(error(i) <= kMomentTolerance)) return false;
    }
    return true;
  }
};

// Candidates whose losses on a group are computed from the rows; with `fit`, leave-one-out losses.
struct RowTask {
  std::vector<bool> groups;      // [n_groups]
  std::int64_t n_rows = 0;       // rows in the moments
  std::int64_t n_rows_seen = 0;  // rows of the second pass so far
  Candidates candidates;
  std::unique_ptr<RidgeFit> fit;
  Losses losses;
};

// Pool of [D, D] buffers; page-faulting new ones is slower than overwriting.
class BufferPool {
 public:
  std::vector<double> take() {  // empty if the pool is empty
    const std::lock_guard lock(mutex_);
    if (buffers_.empty()) return {};
    std::vector<double> buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
  }
  void give(std::vector<double> buffer) {
    const std::lock_guard lock(mutex_);
    if (!buffer.empty()) buffers_.push_back(std::move(buffer));
  }
  void clear() { buffers_.clear(); }

 private:
  std::mutex mutex_;
  std::vector<std::vector<double>> buffers_;
};

struct SetState {
  AttributeSet set;
  std::int64_t n_train = 0;
  std::int64_t n_validation = 0;
  double train_weight = 0.0;  // Σ w
  double validation_weight = 0.0;
  Candidates trained;            // for alphas, then fallback_alpha
  Candidates refitted;           // the same from all rows; only with refit
  Losses selection;              // losses that choose the alpha
  Losses validation;             // losses on the validation rows
  std::vector<double> total;     // [attributes] Σ w (y - mean y)² on the validation rows
  std::vector<RowTask> folds;    // k-fold or leave-one-out losses to compute from rows, if any
  std::vector<RowTask> holdout;  // validation losses to compute from rows, if any
};

AttributeStatus status_of(const SetState& state) {
  if (state.n_train == 0) return AttributeStatus::no_training_labels;
  if (!(state.train_weight > 0.0)) return AttributeStatus::no_training_weight;
  if (state.n_validation == 0) return AttributeStatus::no_validation_labels;
  if (!(state.validation_weight > 0.0)) return AttributeStatus::no_validation_weight;
  return AttributeStatus::fitted;
}

Losses moment_losses(const RidgeProblem& problem, const Candidates& candidates, std::size_t n_alphas) {
  const std::int64_t n = problem.n_features;
  const std::size_t count = n_alphas * candidates.n_attributes;
  std::vector<double> products(count * static_cast<std::size_t>(n));
  dense::symmetric_times(n, problem.gram.data(), n, static_cast<std::int64_t>(count),
                         candidates.weights.data(), products.data());
  Losses losses(count);
  losses.weight = problem.weight;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t offset = i * static_cast<std::size_t>(n);
    const MomentLoss loss =
        moment_loss(problem, i % candidates.n_attributes, candidates.weights.data() + offset,
                    candidates.intercepts[i], products.data() + offset);
    losses.squared_error[i] = loss.squared_error;
    losses.rounding[i] = loss.rounding;
  }
  return losses;
}

}  // namespace

struct RidgeSolver::Impl {
  Impl(const RidgeMoments& moments, const RidgeOptions& options_);

  std::vector<bool> groups_where(auto predicate) const {
    std::vector<bool> groups;
    for (int g = 0; g < n_groups; ++g) groups.push_back(predicate(g));
    return groups;
  }
  RidgeProblem problem_of(const RidgeMoments& moments, const AttributeSet& set,
                          const std::vector<bool>& groups) {
    stop_point();
    return make_problem(
        moments, set, [&](RowGroup g) { return groups[g]; }, buffers.take());
  }
  Candidates solve(RidgeProblem problem, std::span<const double> some_alphas);
  void prepare(SetState& state, const RidgeMoments& moments);
  void prepare_validation(SetState& state, const RidgeMoments& moments);
  void prepare_folds(SetState& state, const RidgeMoments& moments);
  RowTask row_task(std::vector<bool> groups, std::int64_t n_rows, Candidates candidates) const;

  template <class T>
  void add_block(MatrixView<const T> embeddings, MatrixView<const float> labels,
                 std::span<const RowGroup> groups, std::span<const float> weights);
  template <class T>
  void run_task(RowTask& task, const AttributeSet& set, MatrixView<const T> embeddings,
                MatrixView<const float> labels, std::span<const RowGroup> groups,
                std::span<const float> weights);
  Losses chunk_losses(const RowTask& task, std::vector<double> rows, std::span<const double> labels,
                      std::span<const double> weights) const;

  void take_row_losses(SetState& state) const;
  AttributeFit describe(const SetState& state, std::size_t attribute) const;
  void choose(const SetState& state, std::size_t attribute, AttributeFit& fit) const;
  void store(const SetState& state, std::size_t attribute, const AttributeFit& fit,
             RidgeResult& result) const;

  RidgeOptions options;
  std::vector<double> alphas;  // options.alphas, then fallback_alpha
  std::size_t n_alphas;        // number of options.alphas
  std::int64_t n_features;
  std::int64_t n_attributes;
  int n_groups;
  bool weighted;
  std::vector<SetState> states;
  BufferPool buffers;
  WorkerPool pool;
};

RidgeSolver::Impl::Impl(const RidgeMoments& moments, const RidgeOptions& options_)
    : options(options_),
      alphas(options_.alphas),
      n_alphas(options_.alphas.size()),
      n_features(moments.n_features()),
      n_attributes(moments.n_attributes()),
      n_groups(moments.n_groups()),
      weighted(moments.weighted()),
      pool(options_.n_threads) {
  options.validate();
  if (n_features == 0) fail_data("ridge: there are no moments; add at least one shard");
  if (options.cv == RidgeCv::kfold && n_groups < 3) {
    fail_usage("ridge: k-fold cross-validation needs at least 2 training folds, the moments have {}",
               n_groups - 1);
  }
  alphas.push_back(options.fallback_alpha);
  for (AttributeSet& set : attribute_sets(moments)) states.emplace_back().set = std::move(set);
  Phase phase("ridge: fits", std::ssize(states), "sets of attributes with the same rows");
  pool.run(std::ssize(states), [&](std::int64_t i) {
    prepare(states[static_cast<std::size_t>(i)], moments);
    phase.advance();
  });
  buffers.clear();
}

RowTask RidgeSolver::Impl::row_task(std::vector<bool> groups, std::int64_t n_rows,
                                    Candidates candidates) const {
  RowTask task{.groups = std::move(groups),
               .n_rows = n_rows,
               .candidates = std::move(candidates),
               .fit = nullptr,
               .losses = Losses()};
  task.losses = Losses(n_alphas * task.candidates.n_attributes);
  return task;
}

Candidates RidgeSolver::Impl::solve(RidgeProblem problem, std::span<const double> some_alphas) {
  const double smallest = *std::min_element(some_alphas.begin(), some_alphas.end());
  const RidgeFit fit(problem, options, smallest);
  buffers.give(std::move(problem.gram));
  return fit.solve(some_alphas);
}

void RidgeSolver::Impl::prepare(SetState& state, const RidgeMoments& moments) {
  const int validation_group = n_groups - 1;
  const auto training = groups_where([&](int g) { return g != validation_group; });
  RidgeProblem problem = problem_of(moments, state.set, training);
  state.n_train = problem.n_rows;
  state.train_weight = problem.weight;
  state.selection = Losses(n_alphas * state.set.attributes.size());
  if (state.train_weight > 0.0 && options.cv == RidgeCv::loo) {
    const double smallest = *std::min_element(alphas.begin(), alphas.end());
    auto fit = std::make_unique<RidgeFit>(problem, options, smallest, true);
    state.trained = fit->solve(alphas);
    state.folds.push_back(row_task(training, state.n_train, state.trained));
    state.folds.back().fit = std::move(fit);
  } else if (state.train_weight > 0.0) {
    state.trained = solve(std::move(problem), alphas);
  }
  prepare_validation(state, moments);
  if (options.cv == RidgeCv::kfold) prepare_folds(state, moments);
  if (options.cv == RidgeCv::holdout) state.selection = state.validation;
  if (options.refit) {
    const auto all = groups_where([](int) { return true; });
    RidgeProblem everything = problem_of(moments, state.set, all);
    if (everything.weight > 0.0) state.refitted = solve(std::move(everything), alphas);
  }
}

void RidgeSolver::Impl::prepare_validation(SetState& state, const RidgeMoments& moments) {
  const auto validation = groups_where([&](int g) { return g == n_groups - 1; });
  RidgeProblem problem = problem_of(moments, state.set, validation);
  state.n_validation = problem.n_rows;
  state.validation_weight = problem.weight;
  if (!(state.train_weight > 0.0 && state.validation_weight > 0.0)) return;
  for (std::size_t a = 0; a < problem.yy.size(); ++a) {
    const double total = problem.yy[a] - problem.y_sum[a] * problem.y_sum[a] / problem.weight;
    // With constant labels only rounding remains.
    state.total.push_back(total > kRounding * problem.yy[a] ? total : 0.0);
  }
  state.validation = moment_losses(problem, state.trained, n_alphas);
  buffers.give(std::move(problem.gram));
  if (!state.validation.accurate()) {
    state.holdout.push_back(row_task(validation, state.n_validation, state.trained));
  }
}

void RidgeSolver::Impl::prepare_folds(SetState& state, const RidgeMoments& moments) {
  std::vector<RowTask> tasks;
  for (int fold = 0; fold < n_groups - 1; ++fold) {
    const auto held_out = groups_where([&](int g) { return g == fold; });
    const auto rest = groups_where([&](int g) { return g != fold && g != n_groups - 1; });
    RidgeProblem train = problem_of(moments, state.set, rest);
    RidgeProblem test = problem_of(moments, state.set, held_out);
    if (train.weight > 0.0 && test.weight > 0.0) {
      Candidates candidates = solve(std::move(train), options.alphas);
      state.selection.add(moment_losses(test, candidates, n_alphas));
      tasks.push_back(row_task(held_out, test.n_rows, std::move(candidates)));
    } else {
      buffers.give(std::move(train.gram));
    }
    buffers.give(std::move(test.gram));
  }
  if (!tasks.empty() && !state.selection.accurate()) state.folds = std::move(tasks);
}

Losses RidgeSolver::Impl::chunk_losses(const RowTask& task, std::vector<double> rows,
                                       std::span<const double> labels,
                                       std::span<const double> weights) const {
  const std::size_t n_labels = task.candidates.n_attributes;
  const std::size_t count = n_alphas * n_labels;
  std::vector<double> predictions(weights.size() * count);
  dense::products(n_features, static_cast<std::int64_t>(weights.size()), rows.data(),
                  static_cast<std::int64_t>(count), task.candidates.weights.data(), predictions.data());
  std::vector<double> leverages(task.fit ? n_alphas * weights.size() : 0);
  if (task.fit) task.fit->leverages(options.alphas, rows, weights, leverages.data());
  Losses losses(count);
  for (std::size_t r = 0; r < weights.size(); ++r) {
    losses.weight += weights[r];
    for (std::size_t i = 0; i < count; ++i) {
      double error =
          labels[r * n_labels + i % n_labels] - predictions[r * count + i] - task.candidates.intercepts[i];
      if (task.fit) {
        const double left = 1.0 - leverages[(i / n_labels) * weights.size() + r];
        error /= std::max(left, std::numeric_limits<double>::epsilon());
      }
      losses.squared_error[i] += weights[r] * error * error;
    }
  }
  return losses;
}

template <class T>
void RidgeSolver::Impl::run_task(RowTask& task, const AttributeSet& set, MatrixView<const T> embeddings,
                                 MatrixView<const float> labels, std::span<const RowGroup> groups,
                                 std::span<const float> row_weights) {
  std::vector<std::int64_t> rows;
  for (std::int64_t r = 0; r < embeddings.rows; ++r) {
    const RowGroup group = groups[static_cast<std::size_t>(r)];
    const bool wanted = group < n_groups && task.groups[group];
    if (wanted && !std::isnan(labels.at(r, set.attributes[0]))) rows.push_back(r);
  }
  task.n_rows_seen += std::ssize(rows);
  const std::size_t n_chunks = (rows.size() + kChunkRows - 1) / kChunkRows;
  std::vector<Losses> chunks(n_chunks);
  Phase phase("ridge: losses of rows", std::ssize(rows));
  pool.run(static_cast<std::int64_t>(n_chunks), [&](std::int64_t chunk) {
    phase.advance(kChunkRows);
    const std::size_t begin = static_cast<std::size_t>(chunk) * kChunkRows;
    const auto part = std::span(rows).subspan(begin, std::min(kChunkRows, rows.size() - begin));
    std::vector<double> values;
    std::vector<double> weights;
    for (const std::int64_t r : part) {
      for (const std::int64_t k : set.attributes) values.push_back(labels.at(r, k));
      weights.push_back(weighted ? row_weights[static_cast<std::size_t>(r)] : 1.0);
    }
    chunks[static_cast<std::size_t>(chunk)] =
        chunk_losses(task, gather_rows(embeddings, part), values, weights);
  });
  for (const Losses& chunk : chunks) task.losses.add(chunk);
}

template <class T>
void RidgeSolver::Impl::add_block(MatrixView<const T> embeddings, MatrixView<const float> labels,
                                  std::span<const RowGroup> groups, std::span<const float> weights) {
  const auto n = static_cast<std::size_t>(embeddings.rows);
  if (embeddings.cols != n_features || labels.cols != n_attributes || labels.rows != embeddings.rows ||
      groups.size() != n || weights.size() != (weighted ? n : 0)) {
    fail_internal("ridge: a block of {} rows does not have the sizes of the moments", n);
  }
  for (SetState& state : states) {
    for (RowTask& task : state.holdout) run_task(task, state.set, embeddings, labels, groups, weights);
    for (RowTask& task : state.folds) run_task(task, state.set, embeddings, labels, groups, weights);
  }
}

void RidgeSolver::Impl::take_row_losses(SetState& state) const {
  const auto replace = [](std::vector<RowTask>& tasks, Losses& target) {
    if (tasks.empty()) return;
    target = Losses(target.squared_error.size());
    for (const RowTask& task : tasks) {
      if (task.n_rows_seen != task.n_rows) {
        fail_internal("ridge: the second pass has {} of an attribute's rows, the first had {}",
                      task.n_rows_seen, task.n_rows);
      }
      target.add(task.losses);
    }
  };
  replace(state.holdout, state.validation);
  replace(state.folds, state.selection);
  if (options.cv == RidgeCv::holdout) state.selection = state.validation;
}

void RidgeSolver::Impl::choose(const SetState& state, std::size_t attribute, AttributeFit& fit) const {
  if (!(state.selection.weight > 0.0)) {
    fit.best_alpha = options.fallback_alpha;
    return;
  }
  const auto n_labels = state.set.attributes.size();
  for (std::size_t a = 0; a < n_alphas; ++a) {
    const std::size_t i = a * n_labels + attribute;
    fit.loss.push_back(std::max(0.0, state.selection.squared_error[i]) / state.selection.weight);
    fit.moment_error = std::max(fit.moment_error, state.selection.error(i));
  }
  const auto best = std::min_element(fit.loss.begin(), fit.loss.end());
  fit.best_index = static_cast<int>(best - fit.loss.begin());
  fit.best_alpha = options.alphas[static_cast<std::size_t>(fit.best_index)];
  const auto [low, high] = std::minmax_element(options.alphas.begin(), options.alphas.end());
  fit.at_grid_edge = *low < *high && (fit.best_alpha == *low || fit.best_alpha == *high);
}

AttributeFit RidgeSolver::Impl::describe(const SetState& state, std::size_t attribute) const {
  AttributeFit fit;
  fit.status = status_of(state);
  fit.n_train = state.n_train;
  fit.n_validation = state.n_validation;
  choose(state, attribute, fit);
  // The losses belong to the grid; the fallback alpha has none.
  if (fit.status != AttributeStatus::fitted || fit.best_index < 0) return fit;
  const auto alpha = static_cast<std::size_t>(fit.best_index);
  const double error = std::max(0.0, state.validation.squared_error[state.trained.index(alpha, attribute)]);
  fit.validation_mse = error / state.validation.weight;
  if (state.n_validation > 1 && state.total[attribute] > 0.0)
    fit.r_squared = 1.0 - error / state.total[attribute];
  return fit;
}

void RidgeSolver::Impl::store(const SetState& state, std::size_t attribute, const AttributeFit& fit,
                              RidgeResult& result) const {
  const std::size_t alpha = fit.best_index >= 0 ? static_cast<std::size_t>(fit.best_index) : n_alphas;
  const auto k = static_cast<std::size_t>(state.set.attributes[attribute]);
  const auto copy = [&](const Candidates& from, std::vector<double>& weights,
                        std::vector<double>& intercepts) {
    if (from.n_alphas == 0) return;
    const std::size_t i = from.index(alpha, attribute);
    std::copy_n(from.weights.begin() + static_cast<std::int64_t>(i) * n_features, n_features,
                weights.begin() + static_cast<std::int64_t>(k) * n_features);
    intercepts[k] = from.intercepts[i];
  };
  copy(state.trained, result.training_weights, result.training_intercepts);
  copy(options.refit ? state.refitted : state.trained, result.weights, result.intercepts);
}

RidgeSolver::RidgeSolver(const RidgeMoments& moments, const RidgeOptions& options)
    : impl_(std::make_unique<Impl>(moments, options)) {}
RidgeSolver::~RidgeSolver() = default;
RidgeSolver::RidgeSolver(RidgeSolver&&) noexcept = default;

bool RidgeSolver::needs_rows() const noexcept {
  return std::any_of(impl_->states.begin(), impl_->states.end(),
                     [](const SetState& state) { return !state.holdout.empty() || !state.folds.empty(); });
}

void RidgeSolver::add_block(MatrixView<const BFloat16> embeddings, MatrixView<const float> labels,
                            std::span<const RowGroup> groups, std::span<const float> weights) {
  impl_->add_block(embeddings, labels, groups, weights);
}
void RidgeSolver::add_block(MatrixView<const float> embeddings, MatrixView<const float> labels,
                            std::span<const RowGroup> groups, std::span<const float> weights) {
  impl_->add_block(embeddings, labels, groups, weights);
}

RidgeResult RidgeSolver::finish() {
  const auto n_attributes = static_cast<std::size_t>(impl_->n_attributes);
  const std::size_t size = n_attributes * static_cast<std::size_t>(impl_->n_features);
  RidgeResult result{.n_features = impl_->n_features,
                     .alphas = impl_->options.alphas,
                     .weights = std::vector<double>(size),
                     .intercepts = std::vector<double>(n_attributes),
                     .training_weights = std::vector<double>(size),
                     .training_intercepts = std::vector<double>(n_attributes),
                     .attributes = std::vector<AttributeFit>(n_attributes)};
  for (AttributeFit& fit : result.attributes) fit.status = AttributeStatus::no_labels;
  for (SetState& state : impl_->states) {
    impl_->take_row_losses(state);
    for (std::size_t a = 0; a < state.set.attributes.size(); ++a) {
      const AttributeFit fit = impl_->describe(state, a);
      impl_->store(state, a, fit, result);
      result.attributes[static_cast<std::size_t>(state.set.attributes[a])] = fit;
    }
  }
  return result;
}

}  // namespace armorm::linear
