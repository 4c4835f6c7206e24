// What the length of an answer does to the scorers of a comparison, as stage2-train tells it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/scorer_figures.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm {

// One entry for each contender, whose scores are of `rows` of `pairs`. None, and a warning, where the set's
// lengths are not recorded.
std::vector<report::LengthBiasFigures> length_bias_on(const std::string& set,
                                                      const std::vector<Contender>& contenders,
                                                      const PairRewards& pairs,
                                                      std::span<const std::int64_t> rows);

}  // namespace armorm
