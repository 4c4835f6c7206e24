// What the length of an answer does to the scorers of a comparison, as stage2-train tells it.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "eval/length_bias.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm {

struct LengthBiasEntry {
  std::string set;   // "validation", "RewardBench", or a set of --eval
  std::string name;  // of the scorer
  LengthBias bias;
};

// One entry for each contender, whose scores are of `rows` of `pairs`. None, and a warning, where the set's
// lengths are not recorded.
std::vector<LengthBiasEntry> length_bias_on(const std::string& set, const std::vector<Contender>& contenders,
                                            const PairRewards& pairs, std::span<const std::int64_t> rows);

std::string length_bias_table(const std::vector<LengthBiasEntry>& entries);  // of one set; "" without entries
// [{"set", "name", "chosen_longer": {"n", "correct", "accuracy", "low", "high"}, "chosen_shorter", "equal",
// "gap", "margin_correlation"}]; shares in [0, 1], null where not measured.
nlohmann::json length_bias_json(const std::vector<LengthBiasEntry>& entries);

}  // namespace armorm
