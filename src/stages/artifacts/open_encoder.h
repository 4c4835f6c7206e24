// The text side of a model folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "text/conversation_encoder.h"

namespace armorm::stages::artifacts {

// Logs the date for the chat template if the template inserts today's date. `vocab_size` is config.json's.
text::ConversationEncoder open_encoder(const std::filesystem::path& model_folder, std::int64_t vocab_size,
                                       bool allow_special_in_content, const std::string& template_date);

}  // namespace armorm::stages::artifacts
