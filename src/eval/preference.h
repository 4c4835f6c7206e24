// Accuracy and Bradley-Terry loss on preference pairs, for the gate and for the baselines it must beat.
#pragma once

#include <cstdint>
#include <span>

#include "gating/trainer.h"

namespace armorm {

struct PreferenceMetrics {
  double accuracy = 0.0;  // share of score_chosen > score_rejected; ties count as wrong
  double loss = 0.0;      // mean of log(1 + exp(score_rejected - score_chosen))
};

PreferenceMetrics preference_metrics(std::span<const float> chosen, std::span<const float> rejected);

// Every attribute weighs 1/K, times logit_scale.
PairScores uniform_gate_scores(const PairData& data, std::span<const std::int64_t> rows, float logit_scale);
// One attribute alone, times logit_scale.
PairScores attribute_scores(const PairData& data, std::span<const std::int64_t> rows, std::int64_t attribute,
                            float logit_scale);
// The attribute with the highest accuracy on `rows`, the first on ties.
std::int64_t best_attribute(const PairData& data, std::span<const std::int64_t> rows);

}  // namespace armorm
