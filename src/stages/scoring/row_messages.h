// Messages of a row to score, as the chat template gets them.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "data/conversation.h"
#include "text/conversation_encoder.h"

namespace armorm::stages::scoring {

// Thread-safe.
class RowMessages {
 public:
  // Renders probes with the encoder, which must outlive the object.
  explicit RowMessages(const text::ConversationEncoder& encoder);

  // A content that is a list of text parts stays one where the template renders such lists like text; else it
  // becomes its texts, joined by line feeds, as vLLM does it. data error for parts of other types of the
  // system, a user or an assistant; lists of other roles are left to the template then. Adds
  // "messages[].NAME" to `unused` for fields without an effect on the tokens; a null field is no field.
  Conversation prepare(const Conversation& conversation, std::vector<std::string>& unused) const;

 private:
  void find_unused(const Conversation& conversation, std::vector<std::string>& unused) const;
  std::set<std::string> unknown_fields(const Conversation& conversation) const;

  const text::ConversationEncoder& encoder_;
  std::set<std::string> roles_with_lists_;
  mutable std::mutex mutex_;
  mutable std::set<std::string> used_;  // fields that have changed tokens; guarded by mutex_
};

}  // namespace armorm::stages::scoring
