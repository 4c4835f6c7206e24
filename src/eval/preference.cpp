#include "eval/preference.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"

namespace armorm::eval {
namespace {

template <class Score>
gating::PairScores scores_by(const gating::PairData& data, std::span<const std::int64_t> rows,
                             const Score& score) {
  gating::PairScores scores;
  scores.chosen.reserve(rows.size());
  scores.rejected.reserve(rows.size());
  for (const std::int64_t row : rows) {
    scores.chosen.push_back(score(data.chosen.row(row)));
    scores.rejected.push_back(score(data.rejected.row(row)));
  }
  return scores;
}

}  // namespace

PreferenceMetrics preference_metrics(std::span<const float> chosen, std::span<const float> rejected) {
  if (chosen.size() != rejected.size() || chosen.empty())
    fail_internal("preference metrics of {} chosen and {} rejected scores", chosen.size(), rejected.size());
  PreferenceMetrics metrics;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const double margin = static_cast<double>(chosen[i]) - static_cast<double>(rejected[i]);
    metrics.accuracy += margin > 0 ? 1.0 : 0.0;
    metrics.loss += std::max(-margin, 0.0) + std::log1p(std::exp(-std::abs(margin)));
  }
  metrics.accuracy /= static_cast<double>(chosen.size());
  metrics.loss /= static_cast<double>(chosen.size());
  return metrics;
}

gating::PairScores uniform_gate_scores(const gating::PairData& data, std::span<const std::int64_t> rows,
                                       float logit_scale) {
  const float weight = logit_scale / static_cast<float>(data.chosen.cols);
  return scores_by(data, rows, [&](std::span<const float> r) {
    float sum = 0.0F;
    for (const float value : r) sum += value;
    return weight * sum;
  });
}

gating::PairScores attribute_scores(const gating::PairData& data, std::span<const std::int64_t> rows,
                                    std::int64_t attribute, float logit_scale) {
  return scores_by(data, rows, [&](std::span<const float> r) {
    return logit_scale * r[static_cast<std::size_t>(attribute)];
  });
}

std::int64_t best_attribute(const gating::PairData& data, std::span<const std::int64_t> rows) {
  std::vector<std::int64_t> right(static_cast<std::size_t>(data.chosen.cols));
  for (const std::int64_t row : rows)
    for (std::int64_t k = 0; k < data.chosen.cols; ++k)
      right[static_cast<std::size_t>(k)] += data.chosen.at(row, k) > data.rejected.at(row, k) ? 1 : 0;
  return std::ranges::max_element(right) - right.begin();  // the first of equal ones
}

}  // namespace armorm::eval
