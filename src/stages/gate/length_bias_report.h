// The length bias of the scorers of a comparison, as reported by stage2-train.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "eval/length_bias.h"
#include "report/scorer_figures.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm::stages::gate {

// Response tokens of some pairs; empty for a set without recorded lengths.
struct SideLengths {
  std::vector<std::int64_t> chosen;
  std::vector<std::int64_t> rejected;
};
SideLengths lengths_of(const PairRewards& pairs, std::span<const std::int64_t> rows);

report::LengthBiasFigures length_bias_figures(const std::string& set, const std::string& scorer,
                                              const eval::LengthBias& bias);

// One entry per contender; their scores belong to `rows` of `pairs`. No entries, and a warning, if the set
// has no recorded lengths.
std::vector<report::LengthBiasFigures> length_bias_on(const std::string& set,
                                                      const std::vector<Contender>& contenders,
                                                      const PairRewards& pairs,
                                                      std::span<const std::int64_t> rows);

}  // namespace armorm::stages::gate
