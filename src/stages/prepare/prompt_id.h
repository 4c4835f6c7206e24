// Identifies rows that answer the same prompt, which must be on the same side of a split.
#pragma once

#include <cstdint>

#include "data/conversation.h"

namespace armorm::stages::prepare {

// The first 64 bits of SHA-256 over roles, contents and further fields of the messages before the last
// assistant message (over all messages if there is none). It uses no tokenizer, so a prompt has the same
// number for every model.
std::int64_t prompt_id(const Conversation& conversation);

}  // namespace armorm::stages::prepare
