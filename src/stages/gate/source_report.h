// The scorers of a comparison by source of the pairs, as reported by stage2-train.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "report/source_figures.h"
#include "stages/gate/gate_evaluation.h"
#include "stages/gate/pair_rewards.h"

namespace armorm::stages::gate {

// The scores of the contenders belong to `rows` of `pairs`. nullopt if the set has no sources.
std::optional<report::SetBySource> by_source_on(const std::string& set,
                                                const std::vector<Contender>& contenders,
                                                const PairRewards& pairs, std::span<const std::int64_t> rows);

}  // namespace armorm::stages::gate
