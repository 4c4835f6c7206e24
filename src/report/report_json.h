// Reads a report that may lack what it is asked for.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace armorm::report {

// The member, or null where `value` is no object or has none of this name.
inline const nlohmann::json& member(const nlohmann::json& value, const char* key) {
  static const nlohmann::json none;
  if (!value.is_object()) return none;
  const auto found = value.find(key);
  return found == value.end() ? none : *found;
}

inline double number(const nlohmann::json& value) { return value.is_number() ? value.get<double>() : NAN; }
inline double number(const nlohmann::json& value, const char* key) { return number(member(value, key)); }

// A string as it is, null as "", anything else as JSON.
inline std::string text(const nlohmann::json& value) {
  if (value.is_null()) return "";
  return value.is_string() ? value.get<std::string>() : value.dump();
}
inline std::string text(const nlohmann::json& value, const char* key) { return text(member(value, key)); }

inline std::int64_t count(const nlohmann::json& value, const char* key) {
  const nlohmann::json& found = member(value, key);
  return found.is_number() ? found.get<std::int64_t>() : 0;
}

// Element i of a list of numbers; NaN where it is not there.
inline double number_at(const nlohmann::json& list, std::size_t i) {
  return list.is_array() && i < list.size() ? number(list[i]) : NAN;
}

}  // namespace armorm::report
