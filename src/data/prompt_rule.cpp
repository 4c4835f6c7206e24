#include "data/prompt_rule.h"

#include <algorithm>

namespace armorm::data {

bool starts_with(const Conversation& conversation, const Conversation& prompt) {
  return prompt.size() <= conversation.size() &&
         std::equal(
             prompt.begin(), prompt.end(), conversation.begin(),
             [](const Message& a, const Message& b) { return a.role == b.role && a.content == b.content; });
}

Conversation after_prompt(const Conversation& prompt, Conversation side) {
  if (!starts_with(side, prompt)) side.insert(side.begin(), prompt.begin(), prompt.end());
  return side;
}

}  // namespace armorm::data
