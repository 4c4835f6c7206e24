#include "data/json_messages.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "io/checked_json.h"

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

// Contents that are no text, and that templates know.
bool is_for_template(Kind kind) { return kind == Kind::null || kind == Kind::array; }

void check_value(std::string_view text, const std::string& name, std::size_t position,
                 const JsonPlace& place) {
  (void)io::parse_checked_json(text, fmt::format("{}: message {}: {}", place.text(), position, name),
                               JsonReader::kMaxDepth);
}

}  // namespace

Message read_message(JsonReader& json, std::size_t position, const JsonPlace& place) {
  const Kind kind = json.peek();
  if (kind != Kind::object) {
    fail_data("{}: message {}: found {}, expected a message with role and content", place.text(), position,
              place.name_of(kind));
  }
  JsonReader complete = json;
  std::optional<std::string> role, content;
  bool has_more = false, content_first = false;
  ObjectKeys keys;
  std::string key;
  json.enter_object();
  while (json.next_member(key)) {
    keys.add(key, [&] { return fmt::format("{}: message {}", place.text(), position); });
    if (key == "role") {
      role = read_field(json, key, position, place);
    } else if (key == "content" && !is_for_template(json.peek())) {
      content = read_field(json, key, position, place);
      content_first = !role;
    } else {
      check_value(json.skip_value(), key, position, place);
      has_more = true;
    }
  }
  if (!role)
    fail_data("{}: message {}: no field \"role\"; expected messages with role and content", place.text(),
              position);
  Message message{std::move(*role), content.value_or("")};
  message.content_first = content_first;
  if (has_more || !content) message.json = complete.skip_value();
  return message;
}

}  // namespace armorm::data
