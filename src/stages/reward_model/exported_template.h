// The chat template of an export.
#pragma once

#include <string>

#include "model/model_folder.h"

namespace armorm::stages::reward_model {

// Empty where the model's own template will do. transformers' apply_chat_template adds no special tokens to
// what a template writes, so this one also writes those that the embeddings were made with and its own lacks:
// of the tokenizer's post-processor, as BOS, and a published reward token.
std::string exported_template(const model::ModelFolder& model);

}  // namespace armorm::stages::reward_model
