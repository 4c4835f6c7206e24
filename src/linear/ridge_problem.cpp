#include "linear/ridge_problem.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <span>
#include <utility>

#include "linear/dense/large_array.h"

namespace armorm::linear {
namespace {

// A variance below this fraction of the mean square is only the rounding error of the two sums whose
// difference it is.
constexpr double kConstantColumn = 1e-12;
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

std::int64_t label_column(const MomentKey& key, std::int64_t n_features, std::int64_t attribute) {
  return n_features + std::count(key.pattern.begin(), key.pattern.begin() + attribute, '1');
}

// Sums packed lower triangles, row by row so that the sum stays in the cache.
void sum_lower(std::span<const double* const> triangles, std::int64_t n, std::vector<double>& square) {
  for (std::int64_t i = 0; i < n; ++i) {
    double* out = square.data() + i * n;
    std::fill_n(out, i + 1, 0.0);
    for (const double* triangle : triangles) {
      const double* row = triangle + i * (i + 1) / 2;
      for (std::int64_t j = 0; j <= i; ++j) out[j] += row[j];
    }
  }
}

void add_vector(const double* values, std::int64_t n, double* out) {
  for (std::int64_t j = 0; j < n; ++j) out[j] += values[j];
}

// Adds everything except the gram.
void add_block(const MomentKey& key, const MomentBlock& block, const AttributeSet& set,
               RidgeProblem& problem) {
  const std::int64_t n = problem.n_features;
  const auto row = [&](std::int64_t i) { return block.lower.data() + i * (i + 1) / 2; };
  const std::int64_t one = n + std::count(key.pattern.begin(), key.pattern.end(), '1');
  add_vector(row(one), n, problem.x_sum.data());
  for (std::size_t a = 0; a < set.attributes.size(); ++a) {
    const std::int64_t column = label_column(key, n, set.attributes[a]);
    add_vector(row(column), n, problem.xy.data() + static_cast<std::int64_t>(a) * n);
    problem.yy[a] += row(column)[column];
    problem.y_sum[a] += row(one)[column];
  }
  problem.weight += row(one)[one];
  problem.n_rows += block.n_rows;
}

void centre(RidgeProblem& problem, std::vector<double>& mean) {
  const std::int64_t n = problem.n_features;
  mean = problem.x_sum;
  for (double& value : mean) value /= problem.weight;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) problem.gram[i * n + j] -= mean[i] * problem.x_sum[j];
  }
  for (std::size_t a = 0; a < problem.yy.size(); ++a) {
    double* xy = problem.xy.data() + static_cast<std::int64_t>(a) * n;
    for (std::int64_t j = 0; j < n; ++j) xy[j] -= mean[j] * problem.y_sum[a];
  }
}

// Removes column j, which is zero up to rounding.
void clear_column(RidgeProblem& problem, std::int64_t j) {
  const std::int64_t n = problem.n_features;
  for (std::int64_t i = 0; i < n; ++i) problem.gram[std::max(i, j) * n + std::min(i, j)] = 0.0;
  for (std::size_t a = 0; a < problem.yy.size(); ++a) problem.xy[static_cast<std::int64_t>(a) * n + j] = 0.0;
}

void divide_columns(RidgeProblem& problem, const std::vector<double>& scale) {
  const std::int64_t n = problem.n_features;
  for (std::int64_t i = 0; i < n; ++i) {
    for (std::int64_t j = 0; j <= i; ++j) problem.gram[i * n + j] /= scale[i] * scale[j];
  }
  for (std::size_t i = 0; i < problem.xy.size(); ++i) problem.xy[i] /= scale[i % scale.size()];
}

double dot(const double* a, const double* b, std::int64_t n) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

std::vector<AttributeSet> attribute_sets(const RidgeMoments& moments) {
  using Blocks = std::vector<const std::pair<const MomentKey, MomentBlock>*>;
  std::vector<Blocks> blocks_of(static_cast<std::size_t>(moments.n_attributes()));
  for (const auto& entry : moments.blocks()) {
    const std::string& pattern = entry.first.pattern;
    for (std::size_t k = 0; k < pattern.size(); ++k)
      if (pattern[k] == '1') blocks_of[k].push_back(&entry);
  }
  std::map<Blocks, std::size_t> index_of;
  std::vector<AttributeSet> sets;
  for (std::size_t k = 0; k < blocks_of.size(); ++k) {
    if (blocks_of[k].empty()) continue;
    const auto [found, is_new] = index_of.emplace(std::move(blocks_of[k]), sets.size());
    if (is_new) sets.push_back({{}, found->first});
    sets[found->second].attributes.push_back(static_cast<std::int64_t>(k));
  }
  return sets;
}

RidgeProblem make_problem(const RidgeMoments& moments, const AttributeSet& set,
                          const std::function<bool(RowGroup)>& use_group, std::vector<double> buffer) {
  const std::int64_t n = moments.n_features();
  const std::size_t n_attributes = set.attributes.size();
  RidgeProblem problem;
  problem.n_features = n;
  problem.gram = std::move(buffer);
  if (problem.gram.empty()) problem.gram = dense::large_vector(static_cast<std::size_t>(n * n));
  problem.x_sum.resize(static_cast<std::size_t>(n));
  problem.xy.resize(n_attributes * static_cast<std::size_t>(n));
  problem.y_sum.resize(n_attributes);
  problem.yy.resize(n_attributes);
  std::vector<const double*> triangles;
  for (const auto* entry : set.blocks) {
    const auto& [key, block] = *entry;
    if (!use_group(key.group)) continue;
    add_block(key, block, set, problem);
    triangles.push_back(block.lower.data());
  }
  sum_lower(triangles, n, problem.gram);
  return problem;
}

ColumnTransform transform_columns(RidgeProblem& problem, bool standardize, bool do_centre) {
  const std::int64_t n = problem.n_features;
  ColumnTransform transform;
  if (!(problem.weight > 0.0) || (!standardize && !do_centre)) return transform;
  std::vector<double> scale(static_cast<std::size_t>(n), 1.0);
  std::vector<std::int64_t> constant;
  for (std::int64_t j = 0; j < n; ++j) {
    const double mean = problem.x_sum[j] / problem.weight;
    const double mean_square = problem.gram[j * n + j] / problem.weight;
    const double variance = mean_square - mean * mean;
    if (variance <= kConstantColumn * mean_square) {
      constant.push_back(j);
    } else {
      scale[j] = std::sqrt(variance);
    }
  }
  if (do_centre) {
    centre(problem, transform.mean);
    for (const std::int64_t j : constant) clear_column(problem, j);
  }
  if (standardize) {
    divide_columns(problem, scale);
    transform.scale = std::move(scale);
  }
  return transform;
}

double restore_weights(const ColumnTransform& transform, double y_mean, double* weights,
                       std::int64_t n_features) {
  if (!transform.scale.empty()) {
    for (std::int64_t j = 0; j < n_features; ++j) weights[j] /= transform.scale[j];
  }
  return transform.mean.empty() ? 0.0 : y_mean - dot(transform.mean.data(), weights, n_features);
}

MomentLoss moment_loss(const RidgeProblem& problem, std::size_t attribute, const double* weights,
                       double intercept, const double* gram_times_weights) {
  const std::int64_t n = problem.n_features;
  const double* xy = problem.xy.data() + static_cast<std::int64_t>(attribute) * n;
  const double yy = problem.yy[attribute];
  const double y_sum = problem.y_sum[attribute];
  MomentLoss loss;
  loss.squared_error =
      yy - 2.0 * (dot(xy, weights, n) + intercept * y_sum) + dot(gram_times_weights, weights, n) +
      2.0 * intercept * dot(problem.x_sum.data(), weights, n) + intercept * intercept * problem.weight;
  // |G_ij| <= sqrt(G_ii G_jj) and |x_sum_j| <= sqrt(G_jj Σw), so this bounds the terms that cancel.
  double linear = std::abs(intercept) * std::sqrt(problem.weight);
  for (std::int64_t j = 0; j < n; ++j) linear += std::abs(weights[j]) * std::sqrt(problem.gram[j * n + j]);
  const double magnitude = std::sqrt(yy) + linear;
  loss.rounding = 4.0 * kEpsilon * magnitude * magnitude;
  return loss;
}

}  // namespace armorm::linear
