#include "linear/ridge.h"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "core/error.h"
#include "linear/bootstrap.h"
#include "linear/dense/dense.h"
#include "stats/statistics.h"
#include "support/error_of.h"
#include "support/reference_statistics.h"
#include "support/test_support.h"

namespace armorm::linear {
namespace {

constexpr float kMissing = std::numeric_limits<float>::quiet_NaN();

double uniform(std::mt19937_64& generator) { return static_cast<double>(generator() >> 11) * 0x1p-52 - 1.0; }

using test::error_of;
using test::pearson;
using test::r_squared;

// RidgeSolver without a pass over rows; usage error if it needs one.
RidgeResult fit_ridge(const RidgeMoments& moments, const RidgeOptions& options) {
  RidgeSolver solver(moments, options);
  if (solver.needs_rows()) {
    fail_usage(
        "ridge: these losses take a pass over the rows (leave-one-out, or fits too close for the moments)");
  }
  return solver.finish();
}

// y = x . truth + noise, float32.
struct Data {
  Data(std::int64_t n_, std::int64_t d_, std::int64_t k_, double noise, std::uint64_t seed)
      : n(n_), d(d_), k(k_) {
    std::mt19937_64 generator(seed);
    std::vector<double> truth;
    for (std::int64_t i = 0; i < d * k; ++i) truth.push_back(uniform(generator));
    for (std::int64_t r = 0; r < n; ++r) {
      for (std::int64_t j = 0; j < d; ++j) x.push_back(static_cast<float>(uniform(generator)));
      for (std::int64_t a = 0; a < k; ++a) {
        double value = noise * uniform(generator);
        for (std::int64_t j = 0; j < d; ++j) value += x[r * d + j] * truth[a * d + j];
        y.push_back(static_cast<float>(value));
      }
      groups.push_back(r % 5 == 0 ? kValidationRow : kTrainRow);
    }
  }
  template <class Target>
  void feed(Target& target) const {
    target.add_block(MatrixView<const float>(x.data(), n, d), MatrixView<const float>(y.data(), n, k),
                     groups);
  }
  RidgeMoments moments(int n_groups = 2) const {
    RidgeAccumulator accumulator(d, k, {.n_groups = n_groups});
    feed(accumulator);
    return accumulator.finish();
  }
  void hide(std::int64_t attribute, RowGroup group) {
    for (std::int64_t r = 0; r < n; ++r) {
      if (groups[static_cast<std::size_t>(r)] == group) y[r * k + attribute] = kMissing;
    }
  }
  std::int64_t n;
  std::int64_t d;
  std::int64_t k;
  std::vector<float> x;
  std::vector<float> y;
  std::vector<RowGroup> groups;
};

bool all_zero(std::span<const double> values) {
  return std::all_of(values.begin(), values.end(), [](double value) { return value == 0.0; });
}

TEST_CASE("attributes without labels somewhere are flagged and never NaN", "[unit]") {
  Data data(100, 4, 4, 0.1, 1);
  data.hide(0, kTrainRow);
  data.hide(0, kValidationRow);
  data.hide(1, kTrainRow);
  data.hide(2, kValidationRow);
  for (const bool refit : {false, true}) {
    CAPTURE(refit);
    RidgeOptions options;
    options.refit = refit;
    options.fallback_alpha = 0.5;
    const RidgeResult result = fit_ridge(data.moments(), options);
    const auto weights = [&](std::size_t k) { return std::span(result.weights).subspan(4 * k, 4); };
    const auto& fits = result.attributes;
    CHECK(fits[0].status == AttributeStatus::no_labels);
    CHECK(std::isnan(fits[0].best_alpha));
    CHECK(all_zero(weights(0)));
    CHECK(fits[1].status == AttributeStatus::no_training_labels);
    CHECK(fits[1].n_train == 0);
    CHECK(fits[1].n_validation == 20);
    CHECK(all_zero(weights(1)) == !refit);
    CHECK(fits[2].status == AttributeStatus::no_validation_labels);
    CHECK(fits[2].best_alpha == 0.5);
    CHECK(fits[2].best_index == -1);
    CHECK(fits[2].loss.empty());
    CHECK(std::isnan(fits[2].validation_mse));
    CHECK(std::isnan(fits[2].r_squared));
    CHECK_FALSE(all_zero(weights(2)));
    CHECK(fits[3].status == AttributeStatus::fitted);
    CHECK(fits[3].n_train == 80);
    CHECK(
        std::all_of(result.weights.begin(), result.weights.end(), [](double w) { return std::isfinite(w); }));
    for (const AttributeFit& fit : fits) CHECK_FALSE(name_of(fit.status).empty());
  }
}

// The fit with weight 0 for the rows of `group`; a pass over the rows if `cv` needs one.
RidgeResult fit_without_weight(const Data& data, RowGroup group, const RidgeOptions& options) {
  std::vector<float> weights;
  for (const RowGroup g : data.groups) weights.push_back(g == group ? 0.0F : 2.0F);
  const auto feed = [&](auto& target) {
    target.add_block(MatrixView<const float>(data.x.data(), data.n, data.d),
                     MatrixView<const float>(data.y.data(), data.n, data.k), data.groups, weights);
  };
  RidgeAccumulator accumulator(data.d, data.k, {.weighted = true});
  feed(accumulator);
  RidgeSolver solver(accumulator.finish(), options);
  if (solver.needs_rows()) feed(solver);
  RidgeResult result = solver.finish();
  RidgeEvaluator evaluator(result, {.n_bootstrap = 3});
  feed(evaluator);
  evaluator.finish(result);
  return result;
}

TEST_CASE("labels of weight 0 are as no labels, and flagged", "[unit]") {
  for (const RidgeCv cv : {RidgeCv::holdout, RidgeCv::loo}) {
    for (const bool refit : {false, true}) {
      for (const bool intercept : {false, true}) {
        CAPTURE(cv == RidgeCv::loo, refit, intercept);
        RidgeOptions options;
        options.cv = cv;
        options.refit = refit;
        options.fit_intercept = intercept;
        options.fallback_alpha = 0.5;
        const Data data(100, 4, 1, 0.1, 1);
        Data hidden = data;
        hidden.hide(0, kValidationRow);
        const RidgeResult found = fit_without_weight(data, kValidationRow, options);
        const RidgeResult expected = fit_without_weight(hidden, kValidationRow, options);
        const AttributeFit& fit = found.attributes[0];
        CHECK(fit.status == AttributeStatus::no_validation_weight);
        CHECK(fit.n_validation == 20);
        CHECK(fit.best_alpha == expected.attributes[0].best_alpha);
        CHECK((fit.best_index >= 0) == (cv == RidgeCv::loo));
        CHECK(std::isnan(fit.validation_mse));
        for (std::size_t j = 0; j < 4; ++j)
          CHECK(found.weights[j] == Approx(expected.weights[j]).epsilon(1e-12));
        const RidgeResult untrained = fit_without_weight(data, kTrainRow, options);
        CHECK(untrained.attributes[0].status == AttributeStatus::no_training_weight);
        CHECK(untrained.attributes[0].n_train == 80);
        CHECK(untrained.attributes[0].best_alpha == 0.5);
        CHECK(all_zero(untrained.training_weights));
        CHECK(all_zero(untrained.weights) == !refit);
      }
    }
  }
}

TEST_CASE("labels in one fold leave k-fold nothing to choose by", "[unit]") {
  Data data(60, 3, 1, 0.1, 16);
  for (std::int64_t r = 0; r < data.n; ++r) {
    data.groups[static_cast<std::size_t>(r)] = static_cast<RowGroup>(r % 4);  // three folds, validation
    if (r % 4 != 3 && r != 4) data.y[static_cast<std::size_t>(r)] = kMissing;
  }
  RidgeOptions options;
  options.cv = RidgeCv::kfold;
  const AttributeFit fit = fit_ridge(data.moments(4), options).attributes[0];
  CHECK(fit.status == AttributeStatus::fitted);
  CHECK(fit.n_train == 1);
  CHECK(fit.best_index == -1);
  CHECK(fit.best_alpha == options.fallback_alpha);
  CHECK(fit.loss.empty());
  CHECK(std::isnan(fit.validation_mse));  // these weights belong to no alpha of the grid
}

TEST_CASE("cross-validation needs no validation labels to choose", "[unit]") {
  Data data(100, 4, 1, 0.1, 2);
  data.hide(0, kValidationRow);
  RidgeOptions options;
  options.cv = RidgeCv::loo;
  RidgeSolver solver(data.moments(), options);
  REQUIRE(solver.needs_rows());
  data.feed(solver);
  const RidgeResult result = solver.finish();
  CHECK(result.attributes[0].status == AttributeStatus::no_validation_labels);
  CHECK(result.attributes[0].best_index >= 0);
  CHECK(result.attributes[0].loss.size() == 9);
  CHECK(std::isnan(result.attributes[0].validation_mse));
}

TEST_CASE("the first of equal losses is chosen", "[unit]") {
  // All labels are zero: every alpha gives zero weights and zero loss.
  Data data(60, 3, 1, 0.1, 3);
  std::fill(data.y.begin(), data.y.end(), 0.0F);
  RidgeOptions options;
  options.alphas = {10.0, 1.0, 100.0};
  RidgeSolver solver(data.moments(), options);
  if (solver.needs_rows()) data.feed(solver);
  const RidgeResult result = solver.finish();
  CHECK(result.attributes[0].best_alpha == 10.0);
  CHECK(result.attributes[0].validation_mse == 0.0);
  CHECK(std::isnan(result.attributes[0].r_squared));  // constant labels
}

TEST_CASE("the best alpha at the edge of the grid is flagged", "[unit]") {
  const RidgeMoments moments = Data(200, 3, 1, 0.01, 4).moments();
  RidgeOptions options;
  options.alphas = {1e3, 1e4, 1e5};
  const AttributeFit high = fit_ridge(moments, options).attributes[0];
  CHECK(high.best_alpha == 1e3);
  CHECK(high.at_grid_edge);
  options.alphas = {1e-6, 1.0, 1e6};
  const AttributeFit middle = fit_ridge(Data(60, 30, 1, 1.0, 4).moments(), options).attributes[0];
  CHECK(middle.best_alpha == 1.0);
  CHECK_FALSE(middle.at_grid_edge);
  options.alphas = {1e3};
  CHECK_FALSE(fit_ridge(moments, options).attributes[0].at_grid_edge);
}

TEST_CASE("losses that the moments cannot give come from the rows", "[unit]") {
  // An exact fit: the loss is far below the rounding of the sums that cancel.
  Data data(400, 6, 1, 0.0, 5);
  RidgeOptions options;
  options.alphas = {1e-12, 1e-10};
  RidgeSolver solver(data.moments(), options);
  REQUIRE(solver.needs_rows());
  CHECK_THAT(error_of([&] { fit_ridge(data.moments(), options); }, ErrorKind::usage),
             Catch::Contains("pass"));
  data.feed(solver);
  RidgeResult result = solver.finish();
  double expected = 0.0;
  for (std::int64_t r = 0; r < data.n; r += 5) {
    double error = data.y[r];
    for (std::int64_t j = 0; j < data.d; ++j) error -= result.weights[j] * data.x[r * data.d + j];
    expected += error * error / 80.0;
  }
  CHECK(expected < 1e-14);
  CHECK(result.attributes[0].validation_mse == Approx(expected).epsilon(1e-6));
  // A skipped pass is detected.
  RidgeSolver forgotten(data.moments(), options);
  CHECK_THAT(error_of([&] { forgotten.finish(); }, ErrorKind::internal), Catch::Contains("second pass"));
  // So is half a pass, and a row that comes twice.
  const auto feed_rows = [&](RidgeSolver& target, std::int64_t n) {
    target.add_block(MatrixView<const float>(data.x.data(), n, data.d),
                     MatrixView<const float>(data.y.data(), n, data.k),
                     std::span(data.groups).first(static_cast<std::size_t>(n)));
  };
  RidgeSolver cut_short(data.moments(), options);
  feed_rows(cut_short, 200);
  CHECK_THAT(error_of([&] { cut_short.finish(); }, ErrorKind::internal),
             Catch::Contains("has 40") && Catch::Contains("had 80"));
  RidgeSolver repeated(data.moments(), options);
  data.feed(repeated);
  feed_rows(repeated, 1);
  CHECK_THAT(error_of([&] { repeated.finish(); }, ErrorKind::internal), Catch::Contains("has 81"));
}

TEST_CASE("moments and rows give the same losses and figures", "[unit]") {
  const Data data(500, 8, 3, 0.5, 6);
  RidgeResult result = fit_ridge(data.moments(), {});
  const RidgeResult before = result;
  RidgeEvaluator evaluator(result, {});
  data.feed(evaluator);
  const std::vector<double> predictions(evaluator.predictions(1).begin(), evaluator.predictions(1).end());
  const std::vector<double> labels(evaluator.labels(1).begin(), evaluator.labels(1).end());
  evaluator.finish(result);
  for (std::size_t k = 0; k < 3; ++k) {
    CHECK(result.attributes[k].moment_error < kMomentTolerance);
    CHECK(result.attributes[k].validation_mse == Approx(before.attributes[k].validation_mse).epsilon(1e-11));
    CHECK(result.attributes[k].r_squared == Approx(before.attributes[k].r_squared).epsilon(1e-11));
    CHECK(std::isnan(before.attributes[k].spearman));
  }
  CHECK(result.attributes[1].spearman == stats::spearman(predictions, labels));
  const auto& bins = result.attributes[1].calibration;
  REQUIRE(bins.size() == 10);
  double label_sum = 0.0;
  for (std::size_t b = 0; b < 10; ++b) {
    CHECK(bins[b].n_rows == 10);
    label_sum += 10.0 * bins[b].mean_label;
    if (b > 0) CHECK(bins[b].mean_prediction > bins[b - 1].mean_prediction);
  }
  CHECK(label_sum == Approx(std::accumulate(labels.begin(), labels.end(), 0.0)).epsilon(1e-12));
  CHECK(result.attributes[1].r_squared == Approx(r_squared(predictions, labels)).epsilon(1e-12));
}

TEST_CASE("the estimated error of losses from moments covers the real one", "[unit]") {
  int from_moments = 0;
  int from_rows = 0;
  for (const double noise : {1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6}) {
    CAPTURE(noise);
    const Data data(300, 12, 2, noise, 15);
    RidgeOptions options;
    options.alphas = {1e-6, 1e-3};
    RidgeSolver solver(data.moments(), options);
    if (solver.needs_rows()) {
      ++from_rows;
      continue;
    }
    ++from_moments;
    RidgeResult result = solver.finish();
    const RidgeResult before = result;
    RidgeEvaluator evaluator(result, {});
    data.feed(evaluator);
    evaluator.finish(result);
    for (std::size_t k = 0; k < 2; ++k) {
      const double exact = result.attributes[k].validation_mse;
      const double error = std::abs(before.attributes[k].validation_mse - exact) / exact;
      CHECK(error <= before.attributes[k].moment_error);
      CHECK(before.attributes[k].moment_error <= kMomentTolerance);
    }
  }
  CHECK(from_moments >= 4);
  CHECK(from_rows >= 2);
}

TEST_CASE("results do not depend on the number of threads", "[unit]") {
  const Data data(700, 20, 5, 0.5, 7);
  const auto solve = [&](int n_threads) {
    RidgeOptions options;
    options.n_threads = n_threads;
    options.cv = RidgeCv::loo;
    RidgeSolver solver(data.moments(), options);
    data.feed(solver);
    return solver.finish();
  };
  const RidgeResult one = solve(1);
  const RidgeResult four = solve(4);
  CHECK(one.weights == four.weights);
  for (std::size_t k = 0; k < 5; ++k) CHECK(one.attributes[k].loss == four.attributes[k].loss);
}

TEST_CASE("alphas are a list or a logarithmic grid", "[unit]") {
  CHECK(parse_alphas("1") == std::vector<double>{1.0});
  CHECK(parse_alphas("10,0.5,1e-3") == std::vector<double>{10.0, 0.5, 1e-3});
  const auto grid = parse_alphas("1e-4:1e4:9");
  REQUIRE(grid.size() == 9);
  for (std::size_t i = 0; i < 9; ++i) CHECK(grid[i] == Approx(default_alphas()[i]).epsilon(1e-14));
  CHECK(grid.front() == 1e-4);
  CHECK(grid.back() == 1e4);
  CHECK(parse_alphas("2:8:3")[1] == Approx(4.0).epsilon(1e-15));
  CHECK(parse_alphas("3:3:1") == std::vector<double>{3.0});
  for (const char* bad : {"", "x", "1,", "1,,2", "0", "-1", "nan", "inf", "1:2", "1:2:3:4", "2:1:3", "1:2:0",
                          "1:2:1001", "1:2:2.5", "0:1:3", "1 ", "1:inf:3"}) {
    CAPTURE(bad);
    CHECK_THAT(error_of([&] { parse_alphas(bad); }, ErrorKind::usage), Catch::StartsWith("`alphas`"));
  }
}

TEST_CASE("options that cannot be run are named", "[unit]") {
  CHECK(parse_word<RidgeCv>("--cv", "loo") == RidgeCv::loo);
  CHECK(parse_word<RidgeCv>("--cv", "kfold") == RidgeCv::kfold);
  CHECK(parse_word<RidgeCv>("--cv", "holdout") == RidgeCv::holdout);
  CHECK_THAT(error_of([] { parse_word<RidgeCv>("--cv", "cv"); }, ErrorKind::usage),
             Catch::Contains("holdout, kfold or loo"));
  const RidgeMoments moments = Data(40, 2, 1, 0.1, 8).moments();
  const auto message = [&](auto change) {
    RidgeOptions options;
    change(options);
    return error_of([&] { fit_ridge(moments, options); }, ErrorKind::usage);
  };
  CHECK_THAT(message([](RidgeOptions& o) { o.alphas.clear(); }), Catch::Contains("no alphas"));
  CHECK_THAT(message([](RidgeOptions& o) { o.alphas = {1.0, 0.0}; }), Catch::Contains("alpha 0"));
  CHECK_THAT(message([](RidgeOptions& o) { o.fallback_alpha = -1.0; }), Catch::Contains("fallback_alpha -1"));
  CHECK_THAT(message([](RidgeOptions& o) { o.cv = RidgeCv::kfold; }),
             Catch::Contains("at least 2 training folds"));
  CHECK_THAT(message([](RidgeOptions& o) { o.cv = RidgeCv::loo; }), Catch::Contains("pass over the rows"));
  CHECK_THAT(error_of([] { RidgeSolver(RidgeMoments(), {}); }, ErrorKind::data),
             Catch::Contains("no moments"));
  CHECK_THAT(error_of([] { RidgeAccumulator(2, 1, {.n_groups = 1}); }, ErrorKind::usage),
             Catch::Contains("n_groups"));
  CHECK_THAT(error_of([] { RidgeAccumulator(0, 1, {}); }, ErrorKind::data), Catch::Contains("0 features"));
  const RidgeResult result = fit_ridge(moments, {});
  CHECK_THAT(error_of([&] { RidgeEvaluator(result, {.confidence = 1.0}); }, ErrorKind::usage),
             Catch::Contains("confidence"));
}

TEST_CASE("validation rows that went missing between the passes are noticed", "[unit]") {
  const Data data(100, 3, 1, 0.1, 9);
  RidgeResult result = fit_ridge(data.moments(), {});
  RidgeEvaluator evaluator(result, {});
  CHECK_THAT(error_of([&] { evaluator.finish(result); }, ErrorKind::internal),
             Catch::Contains("0 validation rows"));
}

TEST_CASE("label correlations are those of the rows that have both", "[unit]") {
  Data data(300, 2, 4, 1.0, 10);
  for (std::int64_t r = 0; r < data.n; ++r) {
    if (r % 3 == 0) data.y[r * 4] = kMissing;
    if (r % 3 != 0) data.y[r * 4 + 1] = kMissing;  // never together with label 0
    data.y[r * 4 + 3] = 2.0F;                      // constant
    if (r % 4 == 0) data.y[r * 4 + 2] = kMissing;
  }
  std::vector<double> a;
  std::vector<double> b;
  for (std::int64_t r = 0; r < data.n; ++r) {
    if (std::isnan(data.y[r * 4]) || std::isnan(data.y[r * 4 + 2])) continue;
    a.push_back(data.y[r * 4]);
    b.push_back(data.y[r * 4 + 2]);
  }
  const auto correlations = label_correlations(data.moments());
  CHECK(correlations[2] == Approx(pearson(a, b)).epsilon(1e-12));
  CHECK(correlations[8] == correlations[2]);
  CHECK(correlations[0] == Approx(1.0).epsilon(1e-14));
  CHECK(std::isnan(correlations[1]));
  CHECK(std::isnan(correlations[15]));
}

TEST_CASE("repeated rows rank as if they were written out", "[unit]") {
  std::mt19937_64 generator(11);
  std::vector<double> x;
  std::vector<double> y;
  std::vector<std::int64_t> counts;
  for (int i = 0; i < 200; ++i) {
    x.push_back(static_cast<double>(generator() % 40));
    y.push_back(x.back() + static_cast<double>(generator() % 60));
    counts.push_back(static_cast<std::int64_t>(generator() % 4));
  }
  const auto order_of = [](const std::vector<double>& values) {
    std::vector<std::size_t> order(values.size());
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
    return order;
  };
  std::vector<double> x_long;
  std::vector<double> y_long;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x_long.insert(x_long.end(), static_cast<std::size_t>(counts[i]), x[i]);
    y_long.insert(y_long.end(), static_cast<std::size_t>(counts[i]), y[i]);
  }
  CHECK(repeated_spearman(x, y, order_of(x), order_of(y), counts) ==
        Approx(stats::spearman(x_long, y_long)).epsilon(1e-13));
}

TEST_CASE("bootstrap intervals have the width that theory gives", "[unit]") {
  // Uncorrelated pairs: the Spearman correlation has standard error 1 / sqrt(n - 1).
  std::mt19937_64 generator(12);
  ScoredSample sample;
  for (int i = 0; i < 1600; ++i) {
    sample.predictions.push_back(uniform(generator));
    sample.labels.push_back(uniform(generator));
    sample.weights.push_back(1.0);
    sample.prompts.push_back(i);
  }
  const double centre = stats::spearman(sample.predictions, sample.labels);
  const BootstrapIntervals rows = bootstrap(sample, 2000, 0.95, 0);
  CHECK(rows.spearman.low < centre);
  CHECK(rows.spearman.high > centre);
  CHECK(rows.spearman.high - rows.spearman.low == Approx(2 * 1.96 / 40.0).epsilon(0.1));
  CHECK(rows.r_squared.low < measure_fitness(sample).r_squared);
  CHECK(rows.r_squared.high > measure_fitness(sample).r_squared);
  // Sixteen copies of each row under one prompt contain no more information than a hundred rows.
  for (std::size_t i = 0; i < 1600; ++i) {
    sample.predictions[i] = sample.predictions[i / 16 * 16];
    sample.labels[i] = sample.labels[i / 16 * 16];
    sample.prompts[i] = static_cast<std::int64_t>(i / 16);
  }
  const BootstrapIntervals prompts = bootstrap(sample, 2000, 0.95, 0);
  CHECK(prompts.spearman.high - prompts.spearman.low == Approx(2 * 1.96 / 10.0).epsilon(0.2));
  CHECK(bootstrap(sample, 50, 0.95, 3).spearman.low == bootstrap(sample, 50, 0.95, 3).spearman.low);
  CHECK(std::isnan(bootstrap({}, 50, 0.95, 3).spearman.low));
}

TEST_CASE("the evaluator gives intervals when asked", "[unit]") {
  const Data data(600, 4, 2, 1.0, 13);
  RidgeResult result = fit_ridge(data.moments(), {});
  RidgeEvaluator evaluator(result, {.n_bootstrap = 200});
  data.feed(evaluator);
  evaluator.finish(result);
  for (const AttributeFit& fit : result.attributes) {
    CHECK(fit.r_squared_interval.low < fit.r_squared);
    CHECK(fit.r_squared_interval.high > fit.r_squared);
    CHECK(fit.spearman_interval.low < fit.spearman);
    CHECK(fit.spearman_interval.high > fit.spearman);
  }
}

TEST_CASE("shifted solves agree with a direct factorisation", "[unit]") {
  std::mt19937_64 generator(14);
  for (const std::int64_t n : {1, 2, 5, 40}) {
    for (const bool singular : {false, true}) {
      CAPTURE(n, singular);
      const std::int64_t rank = singular ? std::max<std::int64_t>(1, n / 2) : 2 * n;
      Eigen::MatrixXd x(rank, n);
      for (Eigen::Index i = 0; i < x.size(); ++i) x.data()[i] = uniform(generator);
      const Eigen::MatrixXd g = x.transpose() * x;
      const Eigen::VectorXd b = g * Eigen::VectorXd::LinSpaced(n, -1.0, 1.0);
      const double alpha = 0.01;
      const dense::ShiftedSolver solver({g.data(), g.data() + g.size()}, n, singular ? 1e-12 : alpha);
      if (singular && n > 1) CHECK(solver.diagonalised());
      std::vector<double> found(b.data(), b.data() + n);
      solver.rotate(found);
      const double form = solver.quadratic_form(alpha, found);
      solver.solve(alpha, found);
      solver.unrotate(found);
      const Eigen::VectorXd expected = (g + alpha * Eigen::MatrixXd::Identity(n, n)).ldlt().solve(b);
      for (Eigen::Index i = 0; i < n; ++i)
        CHECK(found[static_cast<std::size_t>(i)] == Approx(expected[i]).margin(1e-11));
      CHECK(form == Approx(b.dot(expected)).epsilon(1e-11));
    }
  }
}

TEST_CASE("components below rounding are left out when alpha is, too", "[unit]") {
  // Two equal columns of size 1e8 and alpha 1e-12: only the minimum-norm solution is stable.
  const std::int64_t n = 2;
  const double g = 1e16;
  const dense::ShiftedSolver solver({g, g, g, g}, n, 1e-12);
  REQUIRE(solver.diagonalised());
  std::vector<double> b{3e8, 3e8};
  solver.rotate(b);
  solver.solve(1e-12, b);
  solver.unrotate(b);
  CHECK(b[0] == Approx(1.5e-8).epsilon(1e-12));
  CHECK(b[1] == Approx(1.5e-8).epsilon(1e-12));
}

}  // namespace
}  // namespace armorm::linear
