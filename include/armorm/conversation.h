// Input of chat templates: conversations.
#pragma once

#include <string>
#include <vector>

namespace armorm {

// Both fields are UTF-8.
struct Message {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};
using Conversation = std::vector<Message>;

}  // namespace armorm
