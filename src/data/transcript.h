// Texts that hold several turns.
#pragma once

#include <string>
#include <string_view>

#include "data/conversation.h"

namespace armorm::data {

// Whether a text begins as those of hh-rlhf and Nectar do: "\n\nHuman:".
bool is_transcript(std::string_view text);

// The turns of "\n\nHuman: ...\n\nAssistant: ...", without white space at their ends. data error, which
// begins with `where`, for a text that begins otherwise.
Conversation parse_transcript(std::string_view text, const std::string& where);

// The same without the opening of the answer that follows, "\n\nAssistant:" at the end.
Conversation transcript_prompt(std::string_view text, const std::string& where);

// The user's first message, and further turns after lines "<extra_id_1>Assistant" and "<extra_id_1>User", as
// in HelpSteer2.
Conversation parse_tagged_turns(std::string_view text);

}  // namespace armorm::data
