// Where a prompt that is given apart from its answers belongs.
#pragma once

#include <string>
#include <vector>

#include "data/conversation.h"

namespace armorm::data {

inline bool is_system(const Message& message) { return message.role == "system"; }

// The same text for equal messages: their fields in one order and spelling, without those that are null.
std::string canonical_text(const Message& message);

// The names of the fields in which two messages differ, sorted.
std::vector<std::string> differing_fields(const Message& a, const Message& b);

// Whether the first messages of `conversation` are those of `prompt`. A prompt without a system message may
// follow the system messages of the conversation.
bool starts_with(const Conversation& conversation, const Conversation& prompt);

// The prompt's messages come first, unless `side` already starts with them.
Conversation after_prompt(const Conversation& prompt, Conversation side);

}  // namespace armorm::data
