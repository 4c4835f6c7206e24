// The end of a conversation, where it is embedded.
#pragma once

#include "data/conversation.h"

namespace armorm::data {

// Whether the last message is of a user, the system or a tool. Such a conversation is embedded at the end of
// that turn, not of an answer, and its gate is taken before an earlier answer.
bool ends_without_answer(const Conversation& conversation);

// data error for such a conversation.
void check_final_answer(const Conversation& conversation);

}  // namespace armorm::data
