#include "stages/scoring/row_messages.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/strings.h"

namespace armorm::stages::scoring {
namespace {

using nlohmann::ordered_json;

constexpr const char* kProbe = "a text";
constexpr std::array<const char*, 3> kTextRoles{"system", "user", "assistant"};
constexpr std::size_t kMostKnown = 1000;  // names
constexpr std::size_t kMostFields = 32;   // besides role and content
constexpr std::size_t kMostShown = 40;    // bytes of a name

bool is_basic(const std::string& key) { return key == "role" || key == "content"; }

// Discarded for what readers of JSON disagree about; the chat template judges that.
ordered_json fields_of(const Message& message) {
  return message.json.empty() ? ordered_json::object() : ordered_json::parse(message.json, nullptr, false);
}

Message message_of(const Message& given, const ordered_json& fields) {
  Message message{given.role, given.content};
  message.content_first = given.content_first;
  const bool is_basic_alone =
      fields.size() == 2 && fields.contains("content") && fields["content"].is_string();
  if (is_basic_alone)
    message.content = fields["content"].get<std::string>();
  else
    message.json = fields.dump();
  return message;
}

bool is_text_part(const ordered_json& part) {
  return part.is_object() && part.value("type", ordered_json()) == "text" && part.contains("text") &&
         part["text"].is_string();
}

// Users, assistants and the system write texts. The list of another role may be the result of a tool, which
// templates write as JSON.
bool is_for_parts(const Message& message, const ordered_json& fields) {
  if (!fields.is_object() || !fields.contains("content") || !fields["content"].is_array()) return false;
  const ordered_json& parts = fields["content"];
  return std::ranges::find(kTextRoles, message.role) != kTextRoles.end() ||
         (!parts.empty() && std::ranges::all_of(parts, is_text_part));
}

std::string text_of(const ordered_json& part, const std::string& where, std::set<std::string>& unused) {
  if (!part.is_object())
    fail_data("{}: found {}, expected {{\"type\": \"text\", ...}}", where, part.type_name());
  const ordered_json type = part.value("type", ordered_json());
  if (type != "text")
    fail_data("{}: found a part of type {}; only parts of type \"text\" are scored", where,
              shown(type.dump(-1, ' ', false, ordered_json::error_handler_t::replace), kMostShown));
  const auto text = part.find("text");
  if (text == part.end() || !text->is_string()) fail_data("{}: text: expected a string", where);
  for (const auto& [key, value] : part.items())
    if (key != "type" && key != "text" && !value.is_null()) unused.insert("messages[].content[]." + key);
  return text->get<std::string>();
}

std::string joined_texts(const ordered_json& parts, std::size_t position, std::set<std::string>& unused) {
  std::vector<std::string> texts;
  for (const ordered_json& part : parts)
    texts.push_back(text_of(part, fmt::format("message {}: content[{}]", position, texts.size()), unused));
  return fmt::format("{}", fmt::join(texts, "\n"));
}

Conversation without(const Conversation& conversation, const std::set<std::string>& names) {
  Conversation out;
  for (const Message& message : conversation) {
    ordered_json fields = fields_of(message);
    if (message.json.empty() || fields.is_discarded()) {
      out.push_back(message);
      continue;
    }
    for (const std::string& name : names) fields.erase(name);
    out.push_back(message_of(message, fields));
  }
  return out;
}

Conversation probe(const std::string& role, bool as_list) {
  Message message{role, kProbe};
  if (as_list) {
    message.content.clear();
    message.json = ordered_json{{"role", role}, {"content", {{{"type", "text"}, {"text", kProbe}}}}}.dump();
  }
  if (role == "user") return {message, {"assistant", "b"}};
  if (role == "assistant") return {{"user", "a"}, message};
  return {message, {"user", "a"}, {"assistant", "b"}};
}

using Tokens = std::vector<text::tokenizer::TokenId>;

// Whether the conversation has these tokens; false too where the template refuses it.
bool has_tokens(const text::ConversationEncoder& encoder, const Conversation& conversation,
                const Tokens& tokens) {
  try {
    return encoder.encode(conversation).tokens == tokens;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    return false;
  }
}

// Whether a list of one text is rendered as that text.
bool renders_lists(const text::ConversationEncoder& encoder, const std::string& role) {
  try {
    return has_tokens(encoder, probe(role, true), encoder.encode(probe(role, false)).tokens);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::data) throw;
    return false;
  }
}

}  // namespace

RowMessages::RowMessages(const text::ConversationEncoder& encoder) : encoder_(encoder) {
  for (const char* role : kTextRoles)
    if (renders_lists(encoder, role)) roles_with_lists_.insert(role);
}

Conversation RowMessages::prepare(const Conversation& conversation, std::vector<std::string>& unused) const {
  Conversation prepared;
  std::set<std::string> names;
  for (const Message& message : conversation) {
    ordered_json fields = fields_of(message);
    if (is_for_parts(message, fields)) {
      const std::string text = joined_texts(fields["content"], prepared.size(), names);
      if (!roles_with_lists_.contains(message.role)) fields["content"] = text;
      prepared.push_back(message_of(message, fields));
    } else {
      prepared.push_back(message);
    }
  }
  unused.insert(unused.end(), names.begin(), names.end());
  find_unused(prepared, unused);
  return prepared;
}

// Fields with a value that have never changed tokens.
std::set<std::string> RowMessages::unknown_fields(const Conversation& conversation) const {
  std::set<std::string> names;
  for (const Message& message : conversation) {
    const ordered_json fields = fields_of(message);
    if (fields.is_discarded()) continue;
    for (const auto& [key, value] : fields.items())
      if (!is_basic(key) && !value.is_null()) names.insert(key);
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(names, [&](const std::string& name) { return used_.contains(name); });
  return names;
}

// Usually none of the fields has an effect, which one comparison shows.
void RowMessages::find_unused(const Conversation& conversation, std::vector<std::string>& unused) const {
  std::set<std::string> names = unknown_fields(conversation);
  if (names.empty()) return;
  if (names.size() > kMostFields)
    fail_data("the messages have {} fields besides role and content, more than the {} that are read",
              names.size(), kMostFields);
  const Tokens tokens = encoder_.encode(conversation).tokens;
  if (!has_tokens(encoder_, without(conversation, names), tokens))
    std::erase_if(names, [&](const std::string& name) {
      if (has_tokens(encoder_, without(conversation, {name}), tokens)) return false;
      const std::lock_guard lock(mutex_);
      if (used_.size() < kMostKnown) used_.insert(name);
      return true;
    });
  for (const std::string& name : names) unused.push_back("messages[]." + name);
}

}  // namespace armorm::stages::scoring
