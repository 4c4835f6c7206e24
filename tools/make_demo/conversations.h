// Generates prompts and answers.
#pragma once

#include <string>

#include "data/conversation.h"
#include "lexicon.h"
#include "random.h"

namespace armorm::demo {

// Each trait is from -2 to 2; code traits are 0 outside code.
Traits draw_traits(PromptKind kind, Random& random);

// `language` is used only by PromptKind::code; empty = any.
std::string make_prompt(PromptKind kind, const std::string& language, Random& random);

// An answer that shows each trait by as many adjectives as its magnitude, and verbosity by 0 to 4 filler
// sentences.
std::string make_answer(PromptKind kind, const Traits& traits, Random& random);

// The turns before the answer: the prompt; one in ten has a system message, one in ten an earlier turn.
Conversation make_opening(PromptKind kind, Random& random);
Conversation with_answer(Conversation opening, const std::string& answer);

}  // namespace armorm::demo
