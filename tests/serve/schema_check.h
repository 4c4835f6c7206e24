// The part of JSON Schema that the server's description uses.
#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace armorm::test {

inline bool has_type(const nlohmann::json& value, const std::string& type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "null") return value.is_null();
  return type == value.type_name();
}

// The first difference of `value` from `schema`; empty if there is none. Throws for a keyword it does not
// know.
std::string schema_faults(const nlohmann::json& document, const nlohmann::json& schema,
                          const nlohmann::json& value, const std::string& where = "answer");

inline std::string member_faults(const nlohmann::json& document, const nlohmann::json& schema,
                                 const nlohmann::json& value, const std::string& where) {
  const nlohmann::json none = nlohmann::json::object();
  const nlohmann::json& properties = schema.contains("properties") ? schema["properties"] : none;
  for (const auto& [key, member] : value.items()) {
    const nlohmann::json* rule = properties.contains(key)                  ? &properties[key]
                                 : schema.contains("additionalProperties") ? &schema["additionalProperties"]
                                                                           : nullptr;
    if (rule == nullptr) continue;
    if (auto fault = schema_faults(document, *rule, member, where + "." + key); !fault.empty()) return fault;
  }
  return "";
}

inline std::string keyword_faults(const nlohmann::json& document, const nlohmann::json& schema,
                                  const std::string& keyword, const nlohmann::json& value,
                                  const std::string& where) {
  const nlohmann::json& rule = schema[keyword];
  if (keyword == "$ref")
    return schema_faults(
        document, document.at(nlohmann::json::json_pointer(rule.get<std::string>().substr(1))), value, where);
  if (keyword == "type")
    return has_type(value, rule) ? "" : where + ": not of type " + rule.get<std::string>();
  if (keyword == "enum")
    return std::find(rule.begin(), rule.end(), value) != rule.end() ? "" : where + ": not in enum";
  if (keyword == "anyOf") {
    const auto fits = [&](const auto& s) { return schema_faults(document, s, value, where).empty(); };
    return std::any_of(rule.begin(), rule.end(), fits) ? "" : where + ": fits none of anyOf";
  }
  if (keyword == "required") {
    for (const auto& name : rule)
      if (value.is_object() && !value.contains(name)) return where + ": no " + name.get<std::string>();
    return "";
  }
  if (keyword == "minItems")
    return !value.is_array() || value.size() >= rule.get<std::size_t>() ? "" : where + ": too few items";
  if (keyword == "items") {
    for (std::size_t i = 0; value.is_array() && i < value.size(); ++i)
      if (auto f = schema_faults(document, rule, value[i], where + "[" + std::to_string(i) + "]"); !f.empty())
        return f;
    return "";
  }
  if (keyword != "properties" && keyword != "additionalProperties")
    throw std::logic_error("unknown keyword " + keyword);
  return value.is_object() ? member_faults(document, schema, value, where) : "";
}

inline std::string schema_faults(const nlohmann::json& document, const nlohmann::json& schema,
                                 const nlohmann::json& value, const std::string& where) {
  for (const auto& [keyword, rule] : schema.items())
    if (auto fault = keyword_faults(document, schema, keyword, value, where); !fault.empty()) return fault;
  return "";
}

}  // namespace armorm::test
