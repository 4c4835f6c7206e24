// The trained gate's weights for its training prompts, for score --explain.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "armorm/stage2_train.h"
#include "gating/gate.h"
#include "stages/explain/training_gates.h"
#include "stages/gate/pair_rewards.h"

namespace armorm::stages::gate {

// Before the training: data error for pairs without row ids, if `training_gates` needs them.
void check_training_gates(const Stage2TrainOptions& options, const PairRewards& pairs);

// Of the chosen sides of `rows`, positions in `pairs`.
explain::TrainingGates gates_of_prompts(const Stage2TrainOptions& options,
                                        const std::vector<std::string>& attributes, const PairRewards& pairs,
                                        std::span<const std::int64_t> rows,
                                        const gating::GateParameters& gate);

}  // namespace armorm::stages::gate
