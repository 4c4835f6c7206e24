#include "linear/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <random>

namespace armorm::linear {
namespace {

// Weighted R² and MSE; row i counts counts[i] times.
template <class Count>
Fitness fitness_of(const ScoredSample& sample, Count count) {
  double weight = 0.0;
  double sum = 0.0;
  for (std::size_t i = 0; i < sample.labels.size(); ++i) {
    const double w = sample.weights[i] * count(i);
    weight += w;
    sum += w * sample.labels[i];
  }
  const double mean = sum / weight;
  double error = 0.0;
  double total = 0.0;
  bool constant = true;
  const double* first = nullptr;
  for (std::size_t i = 0; i < sample.labels.size(); ++i) {
    const double w = sample.weights[i] * count(i);
    if (!(w > 0.0)) continue;
    if (first == nullptr) first = &sample.labels[i];
    constant = constant && sample.labels[i] == *first;
    const double residual = sample.labels[i] - sample.predictions[i];
    error += w * residual * residual;
    total += w * (sample.labels[i] - mean) * (sample.labels[i] - mean);
  }
  Fitness fitness;
  if (weight > 0.0) fitness.mse = error / weight;
  if (!constant) fitness.r_squared = 1.0 - error / total;
  return fitness;
}

std::vector<std::size_t> order_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  return order;
}

// Average ranks minus their mean; row i of the sample counts counts[i] times.
std::vector<double> centred_ranks(const std::vector<double>& values, const std::vector<std::size_t>& order,
                                  const std::vector<std::int64_t>& counts, std::int64_t total) {
  std::vector<double> ranks(values.size());
  const double centre = 0.5 * static_cast<double>(total + 1);
  std::int64_t before = 0;
  for (std::size_t begin = 0; begin < order.size();) {
    std::int64_t tied = 0;
    std::size_t end = begin;
    for (; end < order.size() && values[order[end]] == values[order[begin]]; ++end)
      tied += counts[order[end]];
    const double rank = static_cast<double>(before) + 0.5 * static_cast<double>(tied + 1) - centre;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    before += tied;
    begin = end;
  }
  return ranks;
}

// Numbers the prompts 0 .. n - 1, in order of first appearance.
std::vector<std::size_t> prompt_numbers(const std::vector<std::int64_t>& prompts, std::size_t& n_prompts) {
  std::map<std::int64_t, std::size_t> number_of;
  std::vector<std::size_t> numbers;
  for (const std::int64_t prompt : prompts)
    numbers.push_back(number_of.emplace(prompt, number_of.size()).first->second);
  n_prompts = number_of.size();
  return numbers;
}

}  // namespace

Fitness measure_fitness(const ScoredSample& sample) {
  return fitness_of(sample, [](std::size_t) { return 1.0; });
}

double repeated_spearman(const std::vector<double>& x, const std::vector<double>& y,
                         const std::vector<std::size_t>& x_order, const std::vector<std::size_t>& y_order,
                         const std::vector<std::int64_t>& counts) {
  const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  const std::vector<double> x_ranks = centred_ranks(x, x_order, counts, total);
  const std::vector<double> y_ranks = centred_ranks(y, y_order, counts, total);
  double xy = 0.0;
  double xx = 0.0;
  double yy = 0.0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto count = static_cast<double>(counts[i]);
    xy += count * x_ranks[i] * y_ranks[i];
    xx += count * x_ranks[i] * x_ranks[i];
    yy += count * y_ranks[i] * y_ranks[i];
  }
  // Ranks are multiples of 1/2, so equal ranks give exact zeros.
  if (!(xx > 0.0) || !(yy > 0.0)) return stats::kNotMeasured;
  return std::clamp(xy / (std::sqrt(xx) * std::sqrt(yy)), -1.0, 1.0);
}

BootstrapIntervals bootstrap(const ScoredSample& sample, int n_resamples, double confidence,
                             std::uint64_t seed, const std::function<void()>& after_each) {
  std::size_t n_prompts = 0;
  const std::vector<std::size_t> prompt_of = prompt_numbers(sample.prompts, n_prompts);
  if (n_prompts == 0) return {};
  const auto prediction_order = order_of(sample.predictions);
  const auto label_order = order_of(sample.labels);
  std::mt19937_64 generator(seed);
  std::vector<double> r_squared;
  std::vector<double> spearman;
  std::vector<std::int64_t> drawn(n_prompts);
  std::vector<std::int64_t> counts(prompt_of.size());
  for (int resample = 0; resample < n_resamples; ++resample) {
    std::fill(drawn.begin(), drawn.end(), 0);
    // The modulo bias is below n_prompts / 2^64. A standard distribution would differ between libraries.
    for (std::size_t i = 0; i < n_prompts; ++i) ++drawn[generator() % n_prompts];
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = drawn[prompt_of[i]];
    const auto count = [&](std::size_t i) { return static_cast<double>(counts[i]); };
    r_squared.push_back(fitness_of(sample, count).r_squared);
    spearman.push_back(
        repeated_spearman(sample.predictions, sample.labels, prediction_order, label_order, counts));
    if (after_each) after_each();
  }
  return {.r_squared = stats::percentile_interval(std::move(r_squared), confidence),
          .spearman = stats::percentile_interval(std::move(spearman), confidence)};
}

}  // namespace armorm::linear
