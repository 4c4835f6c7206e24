// The text side of a model folder.
#pragma once

#include <filesystem>
#include <string>

#include "text/conversation_encoder.h"

namespace armorm {

// Logs the date for the chat template if the template inserts today's date.
ConversationEncoder open_encoder(const std::filesystem::path& model_folder, bool allow_special_in_content,
                                 const std::string& template_date);

}  // namespace armorm
