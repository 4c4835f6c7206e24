#include "stages/prepare/prompt_id.h"

#include <algorithm>
#include <string>

#include "core/hash.h"

namespace armorm::stages::prepare {
namespace {

// Hashing the lengths distinguishes "a" + "bc" from "ab" + "c".
void update(Sha256& hash, const std::string& text) {
  hash.update(std::to_string(text.size()) + ":");
  hash.update(text);
}

}  // namespace

std::int64_t prompt_id(const Conversation& conversation) {
  const auto answer = std::find_if(conversation.rbegin(), conversation.rend(),
                                   [](const Message& message) { return message.role == "assistant"; });
  const auto end = answer == conversation.rend() ? conversation.end() : answer.base() - 1;
  Sha256 hash;
  for (auto message = conversation.begin(); message != end; ++message) {
    update(hash, message->role);
    update(hash, message->content);
    if (!message->json.empty()) update(hash, message->json);
  }
  return static_cast<std::int64_t>(std::stoull(hash.hex().substr(0, 16), nullptr, 16));
}

}  // namespace armorm::stages::prepare
