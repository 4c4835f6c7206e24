#include "text/message_values.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/error.h"
#include "data/json_reader.h"

namespace armorm::text {
namespace {

using data::JsonReader;
using jinja::Text;
using jinja::Value;
using Kind = JsonReader::Kind;
using Items = std::vector<std::pair<Value, Value>>;

// A field of a message, for errors.
struct Field {
  const std::string& message;
  const std::string& name;
};

Value value_of(JsonReader& json, const Field& field);

Value number_of(JsonReader& json, const Field& field) {
  JsonReader copy = json;
  const std::string_view text = json.skip_value();
  if (text.find_first_of(".eEN") != std::string_view::npos || text.ends_with("y")) return copy.read_number();
  std::int64_t integer = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), integer);
  if (result.ec != std::errc())
    fail_data("{}: the integer {} of the field \"{}\" needs more than 64 bits", field.message, text,
              field.name);
  return integer;
}

Value name_of(const std::string& key) {
  return key == "role" || key == "content" ? jinja::make_trusted(key) : Value(Text::from_data(key));
}

// Reads an object; `field_of` gives the field of its member `key`.
template <class FieldOf>
Items items_of(JsonReader& json, const FieldOf& field_of) {
  Items items;
  std::string key;
  json.enter_object();
  while (json.next_member(key)) {
    Value name = name_of(key);
    items.emplace_back(std::move(name), value_of(json, field_of(key)));
  }
  return items;
}

Value list_of(JsonReader& json, const Field& field) {
  std::vector<Value> items;
  json.enter_array();
  while (json.next_element()) items.push_back(value_of(json, field));
  return jinja::make_sequence(std::move(items));
}

Value value_of(JsonReader& json, const Field& field) {
  switch (json.peek()) {
    case Kind::object:
      return jinja::make_mapping(items_of(json, [&](const std::string&) { return field; }));
    case Kind::array:
      return list_of(json, field);
    case Kind::string:
      return Text::from_data(json.read_string());
    case Kind::boolean:
      return json.read_number() != 0;
    case Kind::null:
      json.read_null();
      return jinja::None{};
    case Kind::number:
      break;
  }
  return number_of(json, field);
}

Value* find(Items& items, std::string_view name) {
  for (auto& [key, value] : items)
    if (key.text()->view() == name) return &value;
  return nullptr;
}

// As transformers names the reasoning of a message, whichever of its names the message uses.
void alias_reasoning(Items& items) {
  for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
    const Value* found = find(items, name);
    if (found == nullptr) continue;
    const Value reasoning = *found;
    if (Value* standard = find(items, "reasoning_content"))
      *standard = reasoning;
    else
      items.emplace_back(jinja::make_trusted("reasoning_content"), reasoning);
    const auto own = std::find_if(items.begin(), items.end(),
                                  [](const auto& item) { return item.first.text()->view() == "thinking"; });
    std::pair<Value, Value> first{jinja::make_trusted("thinking"), reasoning};
    if (own != items.end()) {
      first.second = own->second;
      items.erase(own);
    }
    items.insert(items.begin(), std::move(first));
    return;
  }
}

// A null member is an absent one, as for transformers.
Value complete_message(const Message& message, std::size_t position) {
  const std::string where = fmt::format("message {}", position);
  JsonReader json(message.json, where);
  if (json.peek() != Kind::object) fail_data("{}: expected a JSON object", where);
  Items items = items_of(json, [&](const std::string& key) { return Field{where, key}; });
  json.expect_end();
  std::erase_if(items, [](const auto& item) { return item.second.is_none(); });
  alias_reasoning(items);
  return jinja::make_mapping(std::move(items));
}

}  // namespace

Value message_values(const Conversation& conversation) {
  const Value role = jinja::make_trusted("role");
  const Value content = jinja::make_trusted("content");
  std::vector<Value> messages;
  for (const Message& message : conversation) {
    if (!message.json.empty()) {
      messages.push_back(complete_message(message, messages.size()));
      continue;
    }
    Items items{{role, Text::from_data(message.role)}, {content, Text::from_data(message.content)}};
    if (message.content_first) std::swap(items[0], items[1]);
    messages.push_back(jinja::make_mapping(std::move(items)));
  }
  return jinja::make_sequence(std::move(messages));
}

}  // namespace armorm::text
