// The prompt of a conversation: the messages before its answer.
#pragma once

#include <cstddef>
#include <string>

#include "data/conversation.h"

namespace armorm::data {

// Messages before the last one of the assistant; all of them if there is none.
std::size_t prompt_messages(const Conversation& conversation);

// Their contents, with a line feed between them.
std::string prompt_text(const Conversation& conversation);

}  // namespace armorm::data
