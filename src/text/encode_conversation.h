// Converts a rendered conversation to the ids that the backbone reads.
#pragma once

#include <vector>

#include "text/tokenizer/rendered_text.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm::text {

// encode(text, true) with exactly one BOS: if both the template and the post-processor write one, only one is
// kept. If neither does, one is added only if tokenizer_config.json has add_bos_token, as in transformers.
std::vector<tokenizer::TokenId> encode_conversation(const tokenizer::Tokenizer& tokenizer,
                                                    const tokenizer::RenderedText& text);

}  // namespace armorm::text
