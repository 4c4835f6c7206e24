// A conversation to score, as one JSON text: for the program score and the reward server.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "data/conversation.h"
#include "data/json_reader.h"

namespace armorm::data {

// What a row holds besides its conversation.
struct RowKeys {
  std::string id;                                           // JSON text of the row's "id"; empty without one
  std::vector<std::pair<std::string, std::string>> copied;  // keys to copy with their JSON texts
  std::vector<std::string> unused;                          // keys that are neither used nor copied
};

// {"messages": [...]}, with or without a "response", a bare list of messages, or {"prompt": text or messages,
// "response": text}, with an optional "id". data error with the reason, without the place; `keys` are set as
// far as the row is an object.
Conversation parse_conversation(const std::string& text, const std::vector<std::string>& copy_keys,
                                RowKeys& keys);

// A list of messages with role and content, not empty; `where` begins the messages of data errors.
Conversation read_messages(JsonReader json, const std::string& where);

// JSON's names of the types: "object", "string".
std::string_view json_name_of(JsonReader::Kind kind);

}  // namespace armorm::data
