// The prompt of a conversation: the messages before its answer.
#pragma once

#include <cstddef>
#include <set>
#include <string>

#include "data/conversation.h"

namespace armorm::data {

// Messages before the last one of the assistant; all of them if there is none.
std::size_t prompt_messages(const Conversation& conversation);

// By what a prompt is known: the contents of its messages with a line feed between them, with and without
// those of the system, and the content of each message of the user.
std::set<std::string> prompt_texts(const Conversation& conversation);

}  // namespace armorm::data
