// Input of chat templates: conversations.
#pragma once

#include <string>
#include <vector>

namespace armorm {

// All fields are UTF-8.
struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
  // The complete message as a JSON object, for one that holds more than texts for role and content:
  // tool_calls, name, reasoning_content, a content of null or of parts. The chat template then sees this
  // object, with its types and the order of its keys; it must hold a text "role", and role and content above
  // are only excerpts.
  std::string json = {};
  // Without `json`: whether the message gives its content before its role, which a template that writes out
  // messages shows.
  bool content_first = false;
};
using Conversation = std::vector<Message>;

}  // namespace armorm
