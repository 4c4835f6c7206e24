// A rendered conversation as the token ids that a reward model expects.
#pragma once

#include <vector>

#include "armorm/text/rendered_text.h"
#include "armorm/text/tokenizer.h"

namespace armorm {

// Encodes with the tokenizer's own special tokens, except that a BOS which the template has already written is not
// written again: exactly one BOS where template or tokenizer have one, none where neither does.
std::vector<TokenId> encode_conversation(const Tokenizer& tokenizer, const RenderedText& text);

}  // namespace armorm
