// The Python file of exported models, from src/stages/reward_model/modeling_armorm.py.
#pragma once

#include <string_view>

namespace armorm::stages::reward_model {

// For transformers' trust_remote_code; classes <Decoder>ForRewardModelWithGating.
std::string_view modeling_code();
inline constexpr const char* kModelingModule = "modeling_armorm";

}  // namespace armorm::stages::reward_model
