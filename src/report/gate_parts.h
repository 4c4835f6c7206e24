// The parts of stage2-train's page, in its order. Each is HTML, and "" where the report does not hold what it
// shows.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace armorm {

std::string training_part(const nlohmann::json& report);  // curves, seeds
std::string comparison_part(
    const nlohmann::json& report);  // the gate and its baselines on the validation pairs
std::string reward_bench_part(const nlohmann::json& report);  // RewardBench v1
std::string reward_bench_2_part(const nlohmann::json& report);
std::string evaluation_part(const nlohmann::json& report);  // further preference sets
std::string length_bias_part(const nlohmann::json& report);
std::string debiasing_part(const nlohmann::json& report);  // penalties, T
std::string gate_part(const nlohmann::json& report);       // weights, by kind of prompt too
std::string examples_part(const nlohmann::json& report);   // gate x T x reward
std::string origin_part(const nlohmann::json& report);     // options, inputs and outputs with hashes

// Whether the softmax runs over the two sides of a pair, as in the Python scripts, and T is not applied.
bool is_upstream(const nlohmann::json& report);

}  // namespace armorm
