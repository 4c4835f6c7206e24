// Which rows answer the same prompt: they may not stand on both sides of a split.
#pragma once

#include <cstdint>

#include "data/conversation.h"

namespace armorm {

// The first 64 bits of SHA-256 over roles and contents of the messages before the last one of the assistant
// (over all of them where there is none). It knows no tokenizer, so the same prompt has the same number
// whatever the model.
std::int64_t prompt_id(const Conversation& conversation);

}  // namespace armorm
