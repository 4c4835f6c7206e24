// The length bias of the scorers of a comparison, as reported by stage2-train.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "report/scorer_figures.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm::stages::gate {

// One entry per contender; their scores belong to `rows` of `pairs`. No entries, and a warning, if the set
// has no recorded lengths.
std::vector<report::LengthBiasFigures> length_bias_on(const std::string& set,
                                                      const std::vector<Contender>& contenders,
                                                      const PairRewards& pairs,
                                                      std::span<const std::int64_t> rows);

}  // namespace armorm::stages::gate
