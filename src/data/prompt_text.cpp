#include "data/prompt_text.h"

#include <algorithm>
#include <span>

namespace armorm::data {

std::size_t prompt_messages(const Conversation& conversation) {
  const auto answer = std::find_if(conversation.rbegin(), conversation.rend(),
                                   [](const Message& message) { return message.role == "assistant"; });
  if (answer == conversation.rend()) return conversation.size();
  return static_cast<std::size_t>(conversation.rend() - answer) - 1;
}

std::set<std::string> prompt_texts(const Conversation& conversation) {
  const auto prompt = std::span(conversation).first(prompt_messages(conversation));
  const auto joined = [&](bool with_system) {
    std::string text;
    for (const Message& message : prompt) {
      if (!with_system && message.role == "system") continue;
      if (!text.empty()) text += '\n';
      text += message.content;
    }
    return text;
  };
  std::set<std::string> texts{joined(true), joined(false)};
  for (const Message& message : prompt)
    if (message.role == "user") texts.insert(message.content);
  return texts;
}

}  // namespace armorm::data
