// Does a scorer prefer long answers? Accuracy by which answer is longer.
#pragma once

#include <cstdint>
#include <span>

#include "gating/trainer.h"
#include "stats/proportion.h"

namespace armorm::eval {

struct LengthGroup {
  std::int64_t n = 0;          // pairs
  std::int64_t correct = 0;    // pairs with score_chosen > score_rejected; ties count as wrong
  double accuracy = 0.0;       // NaN without pairs
  stats::Proportion interval;  // 95 % Wilson
};

struct LengthBias {
  LengthGroup chosen_longer;
  LengthGroup chosen_shorter;
  LengthGroup equal;
  // Accuracy where the chosen answer is longer minus accuracy where it is shorter; above 0, length alone wins
  // pairs. NaN where one of the two groups is empty.
  double gap = 0.0;
  // Spearman correlation of the score margin (chosen - rejected) with the difference of lengths; NaN where
  // undefined.
  double margin_correlation = 0.0;
};

// Lengths [pairs] of the answers in any unit (characters, tokens), in the order of the scores. internal error
// when the counts differ, data error for a negative length.
LengthBias measure_length_bias(const gating::PairScores& scores, std::span<const std::int64_t> chosen_length,
                               std::span<const std::int64_t> rejected_length);

}  // namespace armorm::eval
