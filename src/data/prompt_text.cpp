#include "data/prompt_text.h"

#include <algorithm>

namespace armorm::data {

std::size_t prompt_messages(const Conversation& conversation) {
  const auto answer = std::find_if(conversation.rbegin(), conversation.rend(),
                                   [](const Message& message) { return message.role == "assistant"; });
  if (answer == conversation.rend()) return conversation.size();
  return static_cast<std::size_t>(conversation.rend() - answer) - 1;
}

std::string prompt_text(const Conversation& conversation) {
  std::string text;
  for (std::size_t i = 0; i < prompt_messages(conversation); ++i)
    text += (i == 0 ? "" : "\n") + conversation[i].content;
  return text;
}

}  // namespace armorm::data
