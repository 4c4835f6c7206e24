// Figures of a scorer on some of the pairs that it scored, such as those of one source.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "eval/length_bias.h"
#include "gating/trainer.h"
#include "stats/proportion.h"

namespace armorm::eval {

struct GroupMetrics {
  std::int64_t n = 0;          // pairs
  std::int64_t correct = 0;    // pairs with score_chosen > score_rejected; ties count as wrong
  stats::Proportion interval;  // 95 % Wilson
  double loss = 0.0;           // mean of log(1 + exp(score_rejected - score_chosen)); NaN without pairs
  std::optional<LengthBias> length_bias;  // absent without lengths
};

// `members`: positions in the scores. Lengths [pairs] of all pairs, in the order of the scores; both empty if
// they were not recorded. internal error for a position outside the scores, or for another number of lengths.
GroupMetrics measure_group(const gating::PairScores& scores, std::span<const std::size_t> members,
                           std::span<const std::int64_t> chosen_length,
                           std::span<const std::int64_t> rejected_length);

}  // namespace armorm::eval
