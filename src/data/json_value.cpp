#include "data/json_value.h"

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace armorm::data {

using Json = nlohmann::json;

namespace {

Json object_value(JsonReader& reader) {
  Json object = Json::object();
  reader.enter_object();
  for (std::string key; reader.next_member(key);) object[key] = json_value(reader);
  return object;
}

Json array_value(JsonReader& reader) {
  Json array = Json::array();
  reader.enter_array();
  while (reader.next_element()) array.push_back(json_value(reader));
  return array;
}

Json scalar_value(std::string_view text) {
  const Json value = Json::parse(text, nullptr, false);
  return value.is_discarded() ? Json::binary({text.begin(), text.end()}) : value;
}

}  // namespace

Json json_value(JsonReader& reader) {
  const JsonReader::Kind kind = reader.peek();
  if (kind == JsonReader::Kind::object) return object_value(reader);
  if (kind == JsonReader::Kind::array) return array_value(reader);
  if (kind == JsonReader::Kind::string) return reader.read_string();
  return scalar_value(reader.skip_value());
}

}  // namespace armorm::data
