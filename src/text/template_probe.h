// What a chat template does with a conversation, found by rendering and encoding probes: by what it opens an
// answer, which is where the gate reads the prompt, and whether it leaves anything out.
#pragma once

#include <string>
#include <vector>

#include "text/conversation_encoder.h"

namespace armorm::text {

struct ProbedPattern {
  // The tokens that follow every prompt and come before every answer, in the last turn and in earlier ones.
  // Text that the template writes before some answers only, like the empty <think> block before Qwen3's last
  // one, is not part of it.
  std::vector<tokenizer::TokenId> ids;
  // Whether the template ends with the pattern when it is asked for a generation prompt. A template without
  // generation prompts has false.
  bool opens_answers = false;
};

// data error, with the reason, for a template that writes nothing between prompt and answer, that writes the
// pattern again after the answer, or that writes a prompt in another way once its answer follows: then no
// position of the prompt could be found from the tokens, or it would depend on the answer.
ProbedPattern probe_gating_pattern(const ConversationEncoder& encoder);

// Whether a system message is missing from the tokens of a conversation that ends with an answer, which some
// templates do without an error.
bool leaves_out_system_messages(const ConversationEncoder& encoder);

}  // namespace armorm::text
