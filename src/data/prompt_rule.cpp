#include "data/prompt_rule.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

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

// Writes equal numbers alike: 1.0 as 1.
void unify_numbers(Json& value) {
  constexpr double kLargest = 9007199254740992;  // 2^53
  if (value.is_structured())
    for (Json& item : value) unify_numbers(item);
  if (!value.is_number_float()) return;
  const auto number = value.get<double>();
  if (std::trunc(number) == number && std::abs(number) <= kLargest) value = static_cast<std::int64_t>(number);
}

bool is_same(const Message& a, const Message& b) {
  return a.role == b.role && a.content == b.content && (a.json == b.json || object_of(a) == object_of(b));
}

}  // namespace

// Numbers that JSON cannot write are binary values (json_value()), whose bytes dump() lists.
std::string canonical_text(const Message& message) {
  std::string plain = message.role + '\n' + message.content;
  if (message.json.empty()) return plain;
  Json object = object_of(message);
  unify_numbers(object);
  const bool is_plain = object == Json{{"role", message.role}, {"content", message.content}};
  return is_plain ? plain : object.dump();
}

std::vector<std::string> differing_fields(const Message& a, const Message& b) {
  const Json first = object_of(a), second = object_of(b);
  std::set<std::string> names;
  const auto compare = [&names](const Json& one, const Json& other) {
    for (const auto& [name, value] : one.items())
      if (!other.contains(name) || other.at(name) != value) names.insert(name);
  };
  compare(first, second);
  compare(second, first);
  return {names.begin(), names.end()};
}

bool starts_with(const Conversation& conversation, const Conversation& prompt) {
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
