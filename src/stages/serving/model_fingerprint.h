// Identity of what a server computes, for clients that pin it.
#pragma once

#include <string>

#include "armorm/reward_scorer.h"
#include "model/model_folder.h"
#include "stages/reward_model/reward_model.h"

namespace armorm::stages::serving {

// SHA-256 over the weights, config.json, the files of the tokenizer, the chat template with its date, and the
// options that decide a score: precision, accumulation, special tokens, longest conversation. Copies of a
// folder have the same one. Not over the kernels, which change the last bits. Reads all weights.
std::string model_fingerprint(const model::ModelFolder& folder, const reward_model::RewardModel& model,
                              const ScorerOptions& options);

}  // namespace armorm::stages::serving
