// The folders of a model, and its text side.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "hub/cache.h"
#include "model/model_config.h"
#include "model/model_folder.h"
#include "text/conversation_encoder.h"

namespace armorm::stages::artifacts {

// A local path or Hub id, downloaded if need be. For a folder with adapter_config.json the base model is, as
// in transformers, the folder itself if it is local and holds config.json, else base_model_name_or_path.
model::ModelFolder open_model_folder(const std::string& path_or_id, const StopRequested& stop = {});

// Where tokenizer and chat template are: an adapter may come with its own.
const std::filesystem::path& text_folder(const model::ModelFolder& model);

// Logs the date for the chat template if the template inserts today's date.
text::ConversationEncoder open_encoder(const model::ModelFolder& model, const model::ModelConfig& config,
                                       bool allow_special_in_content, const std::string& template_date);

}  // namespace armorm::stages::artifacts
