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

constexpr std::size_t kMostValues = std::size_t{1} << 20;  // of one row
constexpr std::size_t kMostFields = 1000;                  // of a body
constexpr std::size_t kMostCompared = 256;                 // bytes of a value that is compared

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
      if (fields_.size() == kMostFields) fail_data("body: has more than {} fields", kMostFields);
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

JsonReader BodyFields::take_list(const std::string& name, std::string_view expected) {
  JsonReader reader = take(name, expected);
  if (const auto kind = reader.peek(); kind != JsonReader::Kind::array) fail(name, kind, expected);
  return reader;
}

std::size_t BodyFields::count(const std::string& name) {
  JsonReader reader = take_list(name, "a list");
  std::size_t count = 0;
  for (reader.enter_array(); reader.next_element(); ++count) reader.skip_value();
  return count;
}

std::vector<std::string> BodyFields::strings(const std::string& name, const RequestLimits& limits) {
  if (is_string(name)) return {string(name)};
  JsonReader reader = take_list(name, "a string or a list of strings");
  check_rows(name, count(name), limits);
  std::vector<std::string> out;
  reader.enter_array();
  while (reader.next_element()) {
    if (const auto kind = reader.peek(); kind != JsonReader::Kind::string)
      fail(fmt::format("{}[{}]", name, out.size()), kind, "a string");
    out.push_back(reader.read_string());
  }
  return out;
}

std::vector<std::string> BodyFields::elements(const std::string& name, const RequestLimits& limits) {
  check_rows(name, count(name), limits);
  JsonReader reader = take_list(name, "a list");
  std::vector<std::string> out;
  reader.enter_array();
  while (reader.next_element()) out.emplace_back(reader.skip_value());
  return out;
}

Conversation BodyFields::messages(const std::string& name) {
  const JsonReader reader = take(name, "a list of messages with role and content");
  return reading(422, [&] {
    check_values(find(name)->text);
    return data::read_messages(reader, name);
  });
}

std::vector<Conversation> BodyFields::conversations(const std::string& name, const RequestLimits& limits) {
  std::vector<Conversation> out;
  const std::vector<std::string> texts = elements(name, limits);
  for (const std::string& text : texts) {
    const std::string place = fmt::format("{}[{}]", name, out.size());
    out.push_back(reading(422, [&] {
      check_values(text);
      return data::read_messages({text, where_}, place);
    }));
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
  if (field == nullptr) return;
  if (field->text.size() <= kMostCompared) {
    const auto value = nlohmann::json::parse(field->text, nullptr, false);  // NaN is discarded, and refused
    const auto values = nlohmann::json::parse(harmless);
    if (std::ranges::find(values, value) != values.end()) return;
  }
  throw RequestError{422, fmt::format("{}: found {}; {}", name, shown(field->text, 40), reason)};
}

void BodyFields::refuse_other_computations(bool is_chat) {
  for (const char* name : {"activation", "use_activation", "softmax", "normalize"})
    refuse(name, "[false]", "scores are given as they are; leave it out");
  refuse("task", R"(["classify", "score", "reward"])", "only rewards are computed");
  refuse("truncate_prompt_tokens", "[]", "texts are never cut; send shorter ones");
  refuse("truncation_side", "[]", "texts are never cut; leave it out");
  refuse("padding", R"(["do_not_pad", false])", "texts are never padded; leave it out");
  refuse("add_special_tokens", is_chat ? "[false]" : "[true]",
         "special tokens are those of the chat template, with exactly one BOS; leave it out");
  for (const char* name : {"mm_processor_kwargs", "media_io_kwargs", "multi_modal_data", "modalities",
                           "image_data", "audio_data", "video_data"})
    refuse(name, "[{}, []]", "images and other media are not scored");
  refuse("dimensions", "[]", "a score has one dimension; leave it out");
  refuse("encoding_format", R"(["float"])", "only \"float\" is supported");
  refuse("embed_dtype", R"(["float32"])", "only \"float32\" is supported");
  refuse("endianness", R"(["native"])", "scores are JSON numbers; leave it out");
  refuse("add_generation_prompt", "[false]", "an answer is scored, not the start of the next one");
  refuse("continue_final_message", "[false]", "the last message is complete");
  refuse("chat_template", "[]", "the model's own chat template is used");
  refuse("chat_template_kwargs", "[{}]", "the model's own chat template is used without arguments");
  refuse("tools", "[[]]", "tools are not rendered");
  refuse("documents", "[[]]", "documents are not rendered");
  refuse("instruction", R"([""])", "instructions are not rendered; put them into the text");
  for (const char* name : {"input_ids", "token_type_ids", "input_embeds", "prompt_embeds"})
    refuse(name, "[]", "neither token ids nor embeddings are accepted; send texts or messages");
  refuse("lora_path", "[]", "the model is scored without further adapters; leave it out");
  refuse("stream", "[false]", "an answer is sent as a whole; /v1/score takes streams of JSON Lines");
  refuse("return_hidden_states", "[false]", "hidden states are not given");
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

// A value is followed by a comma or by the end of its list or object.
void check_values(std::string_view json) {
  std::size_t values = 1;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\') ++i;
    values += !in_string && (c == ',' || c == '[' || c == '{') ? 1 : 0;
  }
  if (values > kMostValues)
    fail_data("has {} JSON values, more than the {} that a conversation may have", values, kMostValues);
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
  const auto is_server_fault = [](const ScoreOutput& o) { return !o.error.empty() && o.is_server_fault; };
  const int status = std::ranges::any_of(outputs, is_server_fault) ? 500 : 422;
  return RequestError{status,
                      fmt::format("{}[{}]: {}{}", field, found - outputs.begin(), found->error, more)};
}

}  // namespace armorm::serve
