#include <algorithm>
#include <cmath>
#include <string>

#include "io/safetensors.h"
#include "linear/ridge.h"
#include "stats/statistics.h"
#include "support/test_support.h"

namespace armorm::linear {
namespace {

struct Golden {
  explicit Golden(const std::string& name)
      : file(io::SafetensorsFile::open(test::golden("linear/ridge_" + name + ".safetensors"))) {
    const auto shape = file.at("embeddings").shape;
    n = shape[0];
    n_features = shape[1];
    n_attributes = file.at("labels").shape[1];
    options.alphas = doubles("alphas");
    options.cv = parse_word<RidgeCv>("cv", file.metadata().at("cv"));
    options.refit = flag("refit");
    options.fit_intercept = flag("fit_intercept");
    options.standardize = flag("standardize");
    n_groups = std::stoi(file.metadata().at("n_groups"));
    groups = copy<std::uint8_t>("groups");
    labels = copy<float>("labels");
    if (file.contains("weights")) weights = copy<float>("weights");
    best = copy<std::int64_t>("best");
    counts = copy<std::int64_t>("counts");
  }

  template <class T>
  std::vector<T> copy(const std::string& name) const {
    const auto bytes = file.at(name).bytes;
    std::vector<T> values(bytes.size() / sizeof(T));
    std::copy(bytes.begin(), bytes.end(), reinterpret_cast<std::byte*>(values.data()));
    return values;
  }
  std::vector<double> doubles(const std::string& name) const { return copy<double>(name); }
  bool flag(const std::string& name) const { return file.metadata().at(name) == "1"; }

  // Adds rows [begin, end) to any object with add_block.
  template <class Target, class... More>
  void feed(Target& target, std::int64_t begin, std::int64_t end, More... more) const {
    const auto row_groups = std::span(groups).subspan(begin, end - begin);
    const MatrixView<const float> row_labels(labels.data() + begin * n_attributes, end - begin, n_attributes);
    const auto row_weights =
        weights.empty() ? std::span<const float>() : std::span(weights).subspan(begin, end - begin);
    if (file.at("embeddings").dtype == DType::bf16) {
      const auto values = copy<BFloat16>("embeddings");
      target.add_block(
          MatrixView<const BFloat16>(values.data() + begin * n_features, end - begin, n_features), row_labels,
          row_groups, row_weights, more...);
    } else {
      const auto values = copy<float>("embeddings");
      target.add_block(MatrixView<const float>(values.data() + begin * n_features, end - begin, n_features),
                       row_labels, row_groups, row_weights, more...);
    }
  }

  RidgeMoments moments() const {
    RidgeAccumulator accumulator(n_features, n_attributes,
                                 {.n_groups = n_groups, .weighted = !weights.empty()});
    feed(accumulator, 0, n);
    return accumulator.finish();
  }

  io::SafetensorsFile file;
  std::int64_t n = 0;
  std::int64_t n_features = 0;
  std::int64_t n_attributes = 0;
  int n_groups = 0;
  RidgeOptions options;
  std::vector<std::uint8_t> groups;
  std::vector<float> labels;
  std::vector<float> weights;
  std::vector<std::int64_t> best;
  std::vector<std::int64_t> counts;
};

RidgeResult solve(const Golden& golden, const RidgeMoments& moments, const RidgeOptions& options) {
  RidgeSolver solver(moments, options);
  if (solver.needs_rows()) {
    golden.feed(solver, 0, golden.n / 3);
    golden.feed(solver, golden.n / 3, golden.n);
  }
  RidgeResult result = solver.finish();
  RidgeEvaluator evaluator(result, {}, static_cast<RowGroup>(golden.n_groups - 1));
  golden.feed(evaluator, 0, golden.n);
  evaluator.finish(result);
  return result;
}

double relative_error(const double* found, const double* expected, std::int64_t n) {
  double difference = 0.0;
  double size = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    difference += (found[i] - expected[i]) * (found[i] - expected[i]);
    size += expected[i] * expected[i];
  }
  return size > 0.0 ? std::sqrt(difference / size) : std::sqrt(difference);
}

void check_figure(double found, double expected, double bound) {
  if (std::isnan(expected)) {
    CHECK(std::isnan(found));
  } else {
    CHECK(std::abs(found - expected) <= bound * std::max(1.0, std::abs(expected)));
  }
}

// Checks chosen alphas, losses, figures and counts of the complete grid.
void check_choice(const Golden& golden, const RidgeMoments& moments, double bound) {
  const RidgeResult result = solve(golden, moments, golden.options);
  const auto losses = golden.doubles("loss");
  const auto figures = golden.doubles("figures");
  const auto n_alphas = static_cast<std::int64_t>(result.alphas.size());
  for (std::int64_t k = 0; k < golden.n_attributes; ++k) {
    CAPTURE(k);
    const AttributeFit& fit = result.attributes[k];
    CHECK(fit.n_train == golden.counts[2 * k]);
    CHECK(fit.n_validation == golden.counts[2 * k + 1]);
    CHECK(fit.best_index == golden.best[k]);
    if (fit.best_index < 0) continue;
    CHECK(fit.best_alpha == result.alphas[fit.best_index]);
    for (std::int64_t a = 0; a < n_alphas; ++a) {
      CHECK(fit.loss[a] == Approx(losses[k * n_alphas + a]).epsilon(bound));
    }
    check_figure(fit.validation_mse, figures[3 * k], bound);
    check_figure(fit.r_squared, figures[3 * k + 1], bound);
    check_figure(fit.spearman, figures[3 * k + 2], 1e-12);
    if (golden.options.refit) {
      const auto expected = golden.doubles("final");
      CHECK(relative_error(result.weights.data() + k * golden.n_features,
                           expected.data() + k * golden.n_features, golden.n_features) <= bound);
    }
  }
}

// Error of the weights at every alpha, with one run per alpha.
double worst_weight_error(const Golden& golden, const RidgeMoments& moments) {
  const auto expected = golden.doubles("coef");
  const auto intercepts = golden.doubles("intercept");
  const auto n_alphas = static_cast<std::int64_t>(golden.options.alphas.size());
  double worst = 0.0;
  for (std::int64_t a = 0; a < n_alphas; ++a) {
    RidgeOptions options = golden.options;
    options.alphas = {golden.options.alphas[a]};
    options.fallback_alpha = options.alphas[0];
    options.cv = RidgeCv::holdout;
    options.refit = false;
    const RidgeResult result = solve(golden, moments, options);
    for (std::int64_t k = 0; k < golden.n_attributes; ++k) {
      const double* wanted = expected.data() + (k * n_alphas + a) * golden.n_features;
      const double error =
          relative_error(result.weights.data() + k * golden.n_features, wanted, golden.n_features);
      worst = std::max(worst, error);
      CHECK(std::abs(result.intercepts[k] - intercepts[k * n_alphas + a]) <= 1e-6);
    }
  }
  return worst;
}

void check_case(const std::string& name, double bound) {
  CAPTURE(name);
  const Golden golden(name);
  const RidgeMoments moments = golden.moments();
  const double error = worst_weight_error(golden, moments);
  INFO("relative error of the weights: " << error);
  CHECK(error <= bound);
  check_choice(golden, moments, bound);
}

TEST_CASE("ridge with missing labels is scikit-learn's", "[golden]") {
  for (const char* name : {"patterns", "refit"}) check_case(name, 1e-9);
}

TEST_CASE("ridge with intercept, standardised columns and sample weights is scikit-learn's", "[golden]") {
  for (const char* name : {"intercept", "weighted", "standardized", "all_options"}) check_case(name, 1e-9);
}

TEST_CASE("cross-validation chooses what refitting for each fold chooses", "[golden]") {
  for (const char* name : {"kfold", "loo", "loo_intercept"}) check_case(name, 1e-9);
}

TEST_CASE("ridge of ill-conditioned data agrees with 80-digit arithmetic", "[golden]") {
  for (const char* name : {"condition", "rotated", "duplicates", "wide", "constant", "panels"})
    check_case(name, 1e-6);
}

}  // namespace
}  // namespace armorm::linear
