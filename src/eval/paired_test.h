// Do two scorers differ on the same preference pairs? McNemar's exact test.
#pragma once

#include <cstdint>
#include <span>

#include "gating/trainer.h"

namespace armorm {

struct PairedTest {
  std::int64_t both_right = 0;
  std::int64_t only_first_right = 0;
  std::int64_t only_second_right = 0;
  std::int64_t both_wrong = 0;
  double p_value = 1.0;  // two-sided
};

// Two-sided exact p-value that pairs on which one scorer alone is right split `only_first` : `only_second` if
// both scorers were equally good: the binomial test with p = 1/2. 1 where there is no such pair.
double mcnemar_p_value(std::int64_t only_first, std::int64_t only_second);

// A pair is right where score_chosen > score_rejected; ties count as wrong. Both score the same pairs in the
// same order.
PairedTest compare_scorers(const PairScores& first, const PairScores& second);

// A group of pairs in a weighted mean of accuracies.
struct PairedStratum {
  double weight = 0.0;
  std::int64_t n = 0;  // pairs, > 0
  std::int64_t only_first_right = 0;
  std::int64_t only_second_right = 0;
};

// Two-sided p-value of the difference of two weighted means of accuracies over the same pairs: under equally
// good scorers each pair on which one alone is right falls to either side alike, so that the difference has
// mean 0 and variance sum(weight^2 (only_first + only_second) / n^2); taken as normal. For one stratum this
// is McNemar's test without correction. 1 where no pair tells the scorers apart, NaN without strata.
double weighted_mcnemar_p_value(std::span<const PairedStratum> strata);

}  // namespace armorm
