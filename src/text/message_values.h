// The messages of a conversation as a chat template sees them.
#pragma once

#include "data/conversation.h"
#include "text/jinja/value.h"

namespace armorm::text {

// A list of mappings, with JSON's types, as transformers' apply_chat_template passes it: without the null
// members of a message, and with its reasoning under two names. Every string in it is data; only the names
// "role" and "content" are trusted. data error for Message::json that is no JSON object, and for an integer
// of more than 64 bits.
jinja::Value message_values(const Conversation& conversation);

}  // namespace armorm::text
