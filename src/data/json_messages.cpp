#include "data/json_messages.h"

#include <fmt/core.h>

#include <optional>
#include <utility>

namespace armorm::data {
namespace {

using Kind = JsonReader::Kind;

std::string read_field(JsonReader& json, const std::string& name, std::size_t position,
                       const JsonPlace& place) {
  const Kind kind = json.peek();
  if (kind != Kind::string) {
    fail_data("{}: message {}: {}: found {}, expected a string", place.text(), position, name,
              place.name_of(kind));
  }
  return json.read_string();
}

}  // namespace

Message read_message(JsonReader& json, std::size_t position, const JsonPlace& place) {
  const Kind kind = json.peek();
  if (kind != Kind::object) {
    fail_data("{}: message {}: found {}, expected a message with role and content", place.text(), position,
              place.name_of(kind));
  }
  std::optional<std::string> role, content;
  ObjectKeys keys;
  std::string key;
  json.enter_object();
  while (json.next_member(key)) {
    keys.add(key, [&] { return fmt::format("{}: message {}", place.text(), position); });
    if (key == "role") {
      role = read_field(json, key, position, place);
    } else if (key == "content") {
      content = read_field(json, key, position, place);
    } else {
      json.skip_value();
    }
  }
  if (!role || !content) {
    fail_data("{}: message {}: no field \"{}\"; expected messages with role and content", place.text(),
              position, role ? "content" : "role");
  }
  return {std::move(*role), std::move(*content)};
}

}  // namespace armorm::data
