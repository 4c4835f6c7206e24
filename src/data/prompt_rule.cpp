#include "data/prompt_rule.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "data/json_reader.h"

namespace armorm::data {
namespace {

using Json = nlohmann::json;

Json value_of(JsonReader& reader);

Json object_value(JsonReader& reader) {
  Json object = Json::object();
  reader.enter_object();
  for (std::string key; reader.next_member(key);) object[key] = value_of(reader);
  return object;
}

Json array_value(JsonReader& reader) {
  Json array = Json::array();
  reader.enter_array();
  while (reader.next_element()) array.push_back(value_of(reader));
  return array;
}

// NaN and Infinity, which JSON does not have, as bytes, so that each equals itself.
Json scalar_value(std::string_view text) {
  const Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json::binary({text.begin(), text.end()}) : value;
}

Json value_of(JsonReader& reader) {
  const JsonReader::Kind kind = reader.peek();
  if (kind == JsonReader::Kind::object) return object_value(reader);
  if (kind == JsonReader::Kind::array) return array_value(reader);
  if (kind == JsonReader::Kind::string) return reader.read_string();
  return scalar_value(reader.skip_value());
}

// Without null members, which some formats write for absent ones.
Json object_of(const Message& message) {
  if (message.json.empty()) return {{"role", message.role}, {"content", message.content}};
  const std::string where = "message";
  JsonReader reader(message.json, where);
  Json object = value_of(reader);
  for (auto member = object.begin(); member != object.end();)
    member = member->is_null() ? object.erase(member) : std::next(member);
  return object;
}

bool is_same(const Message& a, const Message& b) {
  if (a.role != b.role || a.content != b.content) return false;
  return a.json == b.json || object_of(a) == object_of(b);
}

}  // namespace

bool starts_with(const Conversation& conversation, const Conversation& prompt) {
  const auto is_system = [](const Message& message) { return message.role == "system"; };
  auto begin = conversation.begin();
  if (!prompt.empty() && !is_system(prompt.front()))
    begin = std::find_if_not(begin, conversation.end(), is_system);
  return std::ssize(prompt) <= conversation.end() - begin &&
         std::equal(prompt.begin(), prompt.end(), begin, is_same);
}

Conversation after_prompt(const Conversation& prompt, Conversation side) {
  if (!starts_with(side, prompt)) side.insert(side.begin(), prompt.begin(), prompt.end());
  return side;
}

}  // namespace armorm::data
