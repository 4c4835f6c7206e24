#include "data/conversation_row.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "data/json_messages.h"
#include "data/json_reader.h"
#include "data/prompt_rule.h"
#include "io/checked_json.h"

namespace armorm::data {
namespace {

using Kind = JsonReader::Kind;

constexpr const char* kForms =
    "expected {\"messages\": [...]}, a list of messages, or {\"prompt\": ..., \"response\": \"...\"}";
constexpr std::array<std::string_view, 4> kUsedKeys{"messages", "prompt", "response", "id"};

// Positions of a row's values in its text.
struct RowFields {
  std::optional<JsonReader> messages;
  std::optional<JsonReader> prompt;
  std::optional<JsonReader> response;
  std::string_view id = "null";
};

bool contains(const auto& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

RowFields find_fields(JsonReader json, const std::vector<std::string>& copy_keys, RowKeys& row) {
  RowFields fields;
  ObjectKeys keys;
  std::string key;
  json.enter_object();
  while (json.next_member(key)) {
    keys.add(key, [] { return "row"; });
    if (key == "messages") fields.messages.emplace(json);
    if (key == "prompt" && json.peek() != Kind::null) fields.prompt.emplace(json);
    if (key == "response") fields.response.emplace(json);
    const std::string_view text = json.skip_value();
    if (key == "id") fields.id = text;
    if (contains(copy_keys, key))
      row.copied.emplace_back(key, text);
    else if (!contains(kUsedKeys, key))
      row.unused.push_back(key);
  }
  return fields;
}

Conversation read_prompt(JsonReader json) {
  if (json.peek() == Kind::string) return {{"user", json.read_string()}};
  return read_messages(json, "prompt");
}

Message read_response(JsonReader json) {
  if (const Kind kind = json.peek(); kind != Kind::string)
    fail_data("row: response: found {}, expected a string", json_name_of(kind));
  return {"assistant", json.read_string()};
}

// A row may repeat the prompt of its messages, and nothing else.
Conversation messages_of(const RowFields& fields) {
  Conversation messages = read_messages(*fields.messages, "messages");
  if (fields.prompt && !starts_with(messages, read_prompt(*fields.prompt)))
    fail_data(
        "row: has \"messages\" and a \"prompt\" that they do not start with; leave one of them out, or put "
        "the prompt into the messages");
  return messages;
}

Conversation conversation_of(const RowFields& fields) {
  if (!fields.messages && !fields.prompt)
    fail_data("row: found neither \"messages\" nor \"prompt\", {}", kForms);
  if (!fields.messages && !fields.response)
    fail_data("row: no field \"response\"; expected messages with role and content");
  Conversation conversation = fields.messages ? messages_of(fields) : read_prompt(*fields.prompt);
  if (fields.response) conversation.push_back(read_response(*fields.response));
  return conversation;
}

// What is copied becomes a part of a line of output, which must be valid JSON for any reader. A number has
// been checked by JsonReader, and may be too large for a double.
void check_copied(std::string_view text, const std::string& where) {
  const bool is_number = text.find_first_not_of("0123456789+-.eE") == std::string_view::npos;
  if (is_number) return;
  (void)io::parse_checked_json(text, where, JsonReader::kMaxDepth);
}

// Validates the complete text before any value is used.
void check_json(JsonReader json) {
  json.skip_value();
  json.expect_end();
}

}  // namespace

std::string_view json_name_of(Kind kind) {
  switch (kind) {
    case Kind::object:
      return "object";
    case Kind::array:
      return "array";
    case Kind::string:
      return "string";
    case Kind::number:
      return "number";
    case Kind::boolean:
      return "boolean";
    case Kind::null:
      return "null";
  }
  return {};
}

Conversation read_messages(JsonReader json, const std::string& where) {
  if (const Kind kind = json.peek(); kind != Kind::array)
    fail_data("{}: found {}, expected a list of messages with role and content", where, json_name_of(kind));
  const JsonPlace place{[&] { return where; }, json_name_of};
  Conversation conversation;
  json.enter_array();
  while (json.next_element()) conversation.push_back(read_message(json, conversation.size(), place));
  if (conversation.empty()) fail_data("{}: is empty, expected at least one message", where);
  return conversation;
}

Conversation parse_conversation(const std::string& text, const std::vector<std::string>& copy_keys,
                                RowKeys& keys) {
  const std::string where = "row";
  JsonReader json(text, where);
  check_json(json);
  const Kind kind = json.peek();
  if (kind == Kind::array) return read_messages(json, where);
  if (kind != Kind::object) fail_data("row: found {}, {}", json_name_of(kind), kForms);
  const RowFields fields = find_fields(json, copy_keys, keys);
  if (fields.id != "null") {
    check_copied(fields.id, "row: id");
    keys.id = fields.id;  // as it was written: no number loses digits
  }
  for (const auto& [copied, value] : keys.copied) check_copied(value, "row: " + copied);
  return conversation_of(fields);
}

}  // namespace armorm::data
