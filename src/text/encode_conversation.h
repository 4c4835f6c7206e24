// Converts a rendered conversation to the ids that the backbone reads.
#pragma once

#include <vector>

#include "text/tokenizer/rendered_text.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm::text {

// encode(text, true) with at most one BOS: if both the template and the post-processor write one, only one is
// kept. If neither does, none is added: with a tokenizer.json, transformers does not read add_bos_token.
std::vector<tokenizer::TokenId> encode_conversation(const tokenizer::Tokenizer& tokenizer,
                                                    const tokenizer::RenderedText& text);

}  // namespace armorm::text
