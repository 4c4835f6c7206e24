// Where the gate reads a conversation: the start of the text that opens the last assistant turn.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "armorm/text/tokenizer.h"

namespace armorm {

// The pattern's ids in this model's own vocabulary: llama3 "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
// (published ids 128009 128006 78191 128007 271), gemma2 "<end_of_turn>\n<start_of_turn>model\n" (107 108 106 2516 108).
// data error when the vocabulary lacks one of the special tokens; usage error for another family.
std::vector<TokenId> gating_pattern(const Tokenizer& tokenizer, std::string_view model_family);

// Start of the last occurrence.
std::optional<std::int64_t> find_last_pattern(std::span<const TokenId> tokens, std::span<const TokenId> pattern);

}  // namespace armorm
