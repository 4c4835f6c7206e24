// Prompts and answers.
#pragma once

#include <string>

#include "data/conversation.h"
#include "lexicon.h"
#include "random.h"

namespace armorm::demo {

// Each trait from -2 to 2; those of code are 0 outside code.
Traits draw_traits(PromptKind kind, Random& random);

// `language` is used by PromptKind::code alone; empty = any.
std::string make_prompt(PromptKind kind, const std::string& language, Random& random);

// An answer that shows each trait by as many adjectives as its size, and verbosity by 0 to 4 filler
// sentences.
std::string make_answer(PromptKind kind, const Traits& traits, Random& random);

// What comes before the answer: the prompt, in one of ten with a system message, in one of ten with an
// earlier turn.
Conversation make_opening(PromptKind kind, Random& random);
Conversation with_answer(Conversation opening, const std::string& answer);

}  // namespace armorm::demo
