// Accuracy and Bradley-Terry loss on preference pairs, for the gate and for its baselines.
#pragma once

#include <cstdint>
#include <span>

#include "gating/trainer.h"

namespace armorm::eval {

struct PreferenceMetrics {
  double accuracy = 0.0;  // share of pairs with score_chosen > score_rejected; ties count as wrong
  double loss = 0.0;      // mean of log(1 + exp(score_rejected - score_chosen))
};

PreferenceMetrics preference_metrics(std::span<const float> chosen, std::span<const float> rejected);

// Scores with weight 1/K for every attribute, times logit_scale.
gating::PairScores uniform_gate_scores(const gating::PairData& data, std::span<const std::int64_t> rows,
                                       float logit_scale);
// Scores of one attribute alone, times logit_scale.
gating::PairScores attribute_scores(const gating::PairData& data, std::span<const std::int64_t> rows,
                                    std::int64_t attribute, float logit_scale);
// The attribute with the highest accuracy on `rows`; on ties, the first.
std::int64_t best_attribute(const gating::PairData& data, std::span<const std::int64_t> rows);

}  // namespace armorm::eval
