// A rendered conversation to the ids that the backbone reads.
#pragma once

#include <vector>

#include "text/tokenizer/rendered_text.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm {

// encode(text, true) with exactly one BOS: one that the template wrote and one that the post-processor adds
// count once. Where neither writes one, one is added only if tokenizer_config.json says add_bos_token, as
// transformers does.
std::vector<TokenId> encode_conversation(const Tokenizer& tokenizer, const RenderedText& text);

}  // namespace armorm
