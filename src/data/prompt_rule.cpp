#include "data/prompt_rule.h"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "data/json_value.h"

namespace armorm::data {
namespace {

using Json = nlohmann::json;

// Without null members, which some formats write for absent ones.
Json object_of(const Message& message) {
  if (message.json.empty()) return {{"role", message.role}, {"content", message.content}};
  const std::string where = "message";
  JsonReader reader(message.json, where);
  Json object = json_value(reader);
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
