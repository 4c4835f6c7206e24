#include "serve/body_fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/strings.h"
#include "data/conversation_row.h"
#include "data/json_messages.h"
#include "serve/http_head.h"

namespace armorm::serve {
namespace {

using data::JsonReader;

// Errors of the readers become those of a request.
template <class Read>
auto reading(int status, const Read& read) {
  try {
    return read();
  } catch (const Error& error) {
    throw RequestError{status, error.what()};
  }
}

}  // namespace

BodyFields::BodyFields(const std::string& body) {
  reading(400, [&] {
    JsonReader all(body, where_);
    all.skip_value();
    all.expect_end();
  });
  reading(422, [&] {
    JsonReader json(body, where_);
    if (const auto kind = json.peek(); kind != JsonReader::Kind::object)
      fail_data("body: found {}, expected an object", data::json_name_of(kind));
    data::ObjectKeys keys;
    std::string name;
    json.enter_object();
    while (json.next_member(name)) {
      keys.add(name, [] { return "body"; });
      const JsonReader value = json;
      fields_.emplace(name, Field{value, json.skip_value()});
    }
  });
}

const BodyFields::Field* BodyFields::find(const std::string& name) const {
  const auto found = fields_.find(name);
  return found == fields_.end() || found->second.text == "null" ? nullptr : &found->second;
}

JsonReader BodyFields::take(const std::string& name, std::string_view expected) {
  const Field* field = find(name);
  if (field == nullptr) throw RequestError{422, fmt::format("{}: is missing, expected {}", name, expected)};
  used_.insert(name);
  return field->reader;
}

void BodyFields::fail(const std::string& name, JsonReader::Kind found, std::string_view expected) {
  throw RequestError{422,
                     fmt::format("{}: found {}, expected {}", name, data::json_name_of(found), expected)};
}

bool BodyFields::is_string(const std::string& name) const {
  const Field* field = find(name);
  if (field == nullptr) return false;
  JsonReader reader = field->reader;
  return reader.peek() == JsonReader::Kind::string;
}

std::string BodyFields::string(const std::string& name) {
  JsonReader reader = take(name, "a string");
  if (const auto kind = reader.peek(); kind != JsonReader::Kind::string) fail(name, kind, "a string");
  return reader.read_string();
}

std::vector<std::string> BodyFields::strings(const std::string& name) {
  if (is_string(name)) return {string(name)};
  const std::string_view expected = "a string or a list of strings";
  JsonReader reader = take(name, expected);
  if (const auto kind = reader.peek(); kind != JsonReader::Kind::array) fail(name, kind, expected);
  std::vector<std::string> out;
  reader.enter_array();
  while (reader.next_element()) {
    if (const auto kind = reader.peek(); kind != JsonReader::Kind::string)
      fail(fmt::format("{}[{}]", name, out.size()), kind, "a string");
    out.push_back(reader.read_string());
  }
  return out;
}

std::vector<std::string> BodyFields::elements(const std::string& name) {
  JsonReader reader = take(name, "a list");
  if (const auto kind = reader.peek(); kind != JsonReader::Kind::array) fail(name, kind, "a list");
  std::vector<std::string> out;
  reader.enter_array();
  while (reader.next_element()) out.emplace_back(reader.skip_value());
  return out;
}

Conversation BodyFields::messages(const std::string& name) {
  const JsonReader reader = take(name, "a list of messages with role and content");
  return reading(422, [&] { return data::read_messages(reader, name); });
}

std::vector<Conversation> BodyFields::conversations(const std::string& name) {
  std::vector<Conversation> out;
  const std::vector<std::string> texts = elements(name);
  for (const std::string& text : texts) {
    const std::string place = fmt::format("{}[{}]", name, out.size());
    out.push_back(reading(422, [&] { return data::read_messages({text, where_}, place); }));
  }
  return out;
}

void BodyFields::check_model(const ServedModel& model) {
  if (!has("model")) return;
  if (const std::string wanted = string("model"); wanted != model.name)
    throw RequestError{
        404, fmt::format("model: '{}' is not served here, but '{}'; leave it out, or see /v1/models",
                         shown(wanted), model.name)};
}

void BodyFields::refuse(const std::string& name, std::string_view harmless, std::string_view reason) {
  used_.insert(name);
  const Field* field = find(name);
  if (field != nullptr && field->text != harmless)
    throw RequestError{422, fmt::format("{}: {}", name, reason)};
}

std::vector<std::string> BodyFields::rest() const {
  std::vector<std::string> names;
  for (const auto& [name, field] : fields_)
    if (!used_.contains(name)) names.push_back(name);
  return names;
}

void check_rows(const std::string& field, std::size_t rows, const RequestLimits& limits) {
  if (rows == 0) throw RequestError{422, fmt::format("{}: is empty, expected at least one", field)};
  if (static_cast<std::int64_t>(rows) > limits.max_rows)
    throw RequestError{
        413, fmt::format("{}: has {} entries, the most of a request is {} (--max_rows); send them in "
                         "several requests",
                         field, rows, limits.max_rows)};
}

HttpAnswer error_answer(const RequestError& error) { return plain_error(error.status, error.message); }

double shortest(float value) {
  const std::string text = fmt::format("{}", value);
  double out = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), out);
  return out;
}

std::optional<RequestError> first_failure(const std::vector<ScoreOutput>& outputs, const std::string& field) {
  const auto found = std::ranges::find_if(outputs, [](const ScoreOutput& o) { return !o.error.empty(); });
  if (found == outputs.end()) return std::nullopt;
  const auto bad = std::ranges::count_if(outputs, [](const ScoreOutput& o) { return !o.error.empty(); });
  const std::string more =
      bad > 1 ? fmt::format("; {} entries of {} have no score", bad, outputs.size()) : "";
  return RequestError{422, fmt::format("{}[{}]: {}{}", field, found - outputs.begin(), found->error, more)};
}

}  // namespace armorm::serve
