// The sides of a preference row with the columns `chosen` and `rejected`, each read by its own type.
#pragma once

#include <string>
#include <vector>

#include "data/conversation.h"
#include "data/field.h"

namespace armorm::data {

// The side's messages, after those of the prompt unless it starts with them; text is an assistant message.
Conversation side_of(const Field& side, const Field& prompt);

// data error for text of the form of hh-rlhf, which holds the prompt and the roles: they would become an
// answer's words.
void check_no_transcript(const Field& side);

// The answers of a best-of-n row, each after the prompt.
std::vector<Conversation> candidates_of(const Field& side, const Field& prompt);

// A system message with this text comes first, unless the text is empty or the conversation has one.
void add_system(const std::string& text, Conversation& conversation);

}  // namespace armorm::data
