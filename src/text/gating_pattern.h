// Where the prompt of a conversation ends: the tokens that open an assistant turn.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "armorm/model_family.h"
#include "text/tokenizer/tokenizer.h"

namespace armorm::text {

// The tokens of the pattern that no text may make: they mark turns, though some tokenizer.json files do not
// call them special.
std::vector<std::string_view> turn_markers(ModelFamily family);
std::vector<std::string_view> turn_markers();  // of all families

// "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n" or "<end_of_turn>\n<start_of_turn>model\n".
std::string_view gating_pattern_text(ModelFamily family);

// The ids of that text under the model's own tokenizer; with the published tokenizers
// [128009,128006,78191,128007,271] and [107,108,106,2516,108]. data error when a special token of it is
// missing.
std::vector<tokenizer::TokenId> gating_pattern(const tokenizer::Tokenizer& tokenizer, ModelFamily family);

// The index in `ids` where the last occurrence of `pattern` starts; nullopt when there is none.
std::optional<std::int64_t> find_gating_pattern(std::span<const tokenizer::TokenId> ids,
                                                std::span<const tokenizer::TokenId> pattern);

// All indices where an occurrence starts, in order.
std::vector<std::int64_t> gating_pattern_starts(std::span<const tokenizer::TokenId> ids,
                                                std::span<const tokenizer::TokenId> pattern);

// "'<|im_end|>\n<|im_start|>assistant' (151645, 198, 151644, 77091)"
std::string describe_pattern(const tokenizer::Tokenizer& tokenizer,
                             const std::vector<tokenizer::TokenId>& pattern);

}  // namespace armorm::text
