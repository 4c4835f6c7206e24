// Do two scorers differ on the same preference pairs? McNemar's exact test.
#pragma once

#include <cstdint>
#include <span>

#include "gating/trainer.h"

namespace armorm::eval {

struct PairedTest {
  std::int64_t both_right = 0;
  std::int64_t only_first_right = 0;
  std::int64_t only_second_right = 0;
  std::int64_t both_wrong = 0;
  double p_value = 1.0;  // two-sided
};

// Two-sided exact p-value of McNemar's test: only_first and only_second pairs are right with one scorer
// alone; the null hypothesis of equally good scorers is Binomial(only_first + only_second, 1/2). 1 without
// such pairs.
double mcnemar_p_value(std::int64_t only_first, std::int64_t only_second);

// A pair is right where score_chosen > score_rejected; ties count as wrong. Both scorers must have scored the
// same pairs in the same order.
PairedTest compare_scorers(const gating::PairScores& first, const gating::PairScores& second);

// A group of pairs in a weighted mean of accuracies.
struct PairedStratum {
  double weight = 0.0;
  std::int64_t n = 0;  // pairs, > 0
  std::int64_t only_first_right = 0;
  std::int64_t only_second_right = 0;
};

// Two-sided p-value for the difference of two weighted means of accuracies over the same pairs. Under equally
// good scorers, a pair that only one of them gets right favours either one with equal probability, so the
// difference has mean 0 and variance sum(weight^2 (only_first + only_second) / n^2); normal approximation.
// For one stratum this is McNemar's test without correction. 1 where no pair distinguishes the scorers, NaN
// without strata.
double weighted_mcnemar_p_value(std::span<const PairedStratum> strata);

}  // namespace armorm::eval
