#include "stages/prepare/prompt_id.h"

#include <string>

#include "core/hash.h"
#include "data/prompt_text.h"

namespace armorm::stages::prepare {
namespace {

// Hashing the lengths distinguishes "a" + "bc" from "ab" + "c".
void update(Sha256& hash, const std::string& text) {
  hash.update(std::to_string(text.size()) + ":");
  hash.update(text);
}

}  // namespace

std::int64_t prompt_id(const Conversation& conversation) {
  Sha256 hash;
  for (std::size_t i = 0; i < data::prompt_messages(conversation); ++i) {
    const Message& message = conversation[i];
    update(hash, message.role);
    update(hash, message.content);
    if (!message.json.empty()) update(hash, message.json);
  }
  return static_cast<std::int64_t>(std::stoull(hash.hex().substr(0, 16), nullptr, 16));
}

}  // namespace armorm::stages::prepare
