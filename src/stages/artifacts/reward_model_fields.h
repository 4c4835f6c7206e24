// The fields of config.json that describe the head of an ArmoRM, for readers of a model's config.json.
#pragma once

#include <array>
#include <string_view>

namespace armorm::stages::artifacts {

inline constexpr std::array<std::string_view, 12> kRewardModelFields{
    "num_objectives",      "attributes",      "regression_bias",       "gating_temperature",
    "gating_hidden_dim",   "gating_n_hidden", "gating_token_pattern",  "template_date",
    "bradley_terry_scale", "cpu_kernels",     "cpu_kernels_precision", "fp8_accumulate"};

}  // namespace armorm::stages::artifacts
