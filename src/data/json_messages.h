// Reads the messages of a conversation from JSON, for data sets and for score.
#pragma once

#include <cstddef>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "core/error.h"
#include "data/conversation.h"
#include "data/json_reader.h"

namespace armorm::data {

// How errors describe a position and the value there.
struct JsonPlace {
  std::function<std::string()> text;  // called only for an error
  std::string_view (*name_of)(JsonReader::Kind) = JsonReader::name_of;
};

// The keys of one object. A repeated key is an error: readers disagree on which of its values counts.
class ObjectKeys {
 public:
  // data error that begins with the result of `where()`.
  template <class Where>
  void add(const std::string& key, const Where& where) {
    if (!seen_.insert(key).second) fail_data("{}: the key \"{}\" appears twice in one object", where(), key);
  }

 private:
  std::set<std::string> seen_;
};

// Reads an object with the string role. Message::json is set unless role and a string content are all of it;
// content may be null, a list or absent, which the chat template judges. `position`: index in its list, for
// messages. data error for anything else, and for a repeated key at any depth.
Message read_message(JsonReader& json, std::size_t position, const JsonPlace& place);

}  // namespace armorm::data
