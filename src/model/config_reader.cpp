#include "model/config_reader.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "io/checked_json.h"

namespace armorm::model {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 64;
constexpr std::size_t kMaxShownBytes = 60;

// The value as written, truncated so that the message stays one readable line.
std::string shown(const Json& value) {
  if (value.is_structured()) return value.is_array() ? "an array" : "an object";
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMaxShownBytes) text = text.substr(0, kMaxShownBytes) + "...";
  return text;
}

}  // namespace

Json parse_json(std::string_view text, std::string_view origin) {
  Json root = io::parse_json(text, std::string(origin), kMaxDepth);
  if (!root.is_object())
    fail_data("{}: found {}, expected a JSON object; download the file again", origin, shown(root));
  return root;
}

ConfigReader::ConfigReader(const Json& object, std::string origin, bool warns)
    : object_(&object),
      origin_(std::move(origin)),
      warns_(warns),
      account_(std::make_shared<Accounting>(origin_, "field")) {
  for (const auto& member : object.items()) account_->give(member.key());
}

void ConfigReader::ignore_unset(std::span<const std::string_view> fields) const {
  for (const std::string_view field : fields) {
    const auto found = object_->find(field);
    if (found != object_->end() && (found->is_null() || *found == false)) account_->ignore(field);
  }
}

void ConfigReader::warn_of_rest(std::string_view consequence) const {
  if (warns_) account_->warn_of_rest(consequence);
}

void ConfigReader::warn(const char* field, std::string_view what) const {
  if (warns_) log::warn("{}: field '{}' {}", origin_, field, what);
}

Json::const_iterator ConfigReader::find(const char* field) const {
  account_->use(field);
  return object_->find(field);
}

void ConfigReader::fail(const char* field, std::string_view expected) const {
  fail_value(field, at(field, ""), expected);
}

void ConfigReader::fail(const char* field, std::string_view found, std::string_view expected) const {
  fail_data("{}: field '{}': found {}, expected {}", origin_, field, found, expected);
}

void ConfigReader::fail_value(const char* field, const Json& value, std::string_view expected) const {
  fail(field, shown(value), expected);
}

bool ConfigReader::has(const char* field) const {
  const auto found = find(field);
  return found != object_->end() && !found->is_null();
}

bool ConfigReader::is_null(const char* field) const {
  const auto found = find(field);
  return found != object_->end() && found->is_null();
}

const Json& ConfigReader::at(const char* field, const char* expected) const {
  const auto found = find(field);
  if (found == object_->end()) fail(field, "nothing", expected);
  return *found;
}

ConfigReader ConfigReader::object(const char* field) const {
  const Json& value = at(field, "an object");
  if (!value.is_object()) fail_value(field, value, "an object");
  return {value, origin_ + ": " + field, warns_};
}

ConfigReader ConfigReader::owning(Json object, const std::string& origin) const {
  auto owned = std::make_shared<const Json>(std::move(object));
  ConfigReader reader(*owned, origin, warns_);
  reader.owned_ = std::move(owned);
  return reader;
}

ConfigReader ConfigReader::updated_by(const ConfigReader& other, std::string_view name) const {
  Json joined = *object_;
  joined.update(*other.object_);
  return owning(std::move(joined), fmt::format("{} with {}", origin_, name));
}

ConfigReader ConfigReader::with_default(const char* field, const char* value) const {
  Json joined = *object_;
  joined.emplace(field, value);
  return owning(std::move(joined), origin_);
}

std::int64_t ConfigReader::size(const char* field, std::int64_t max, std::int64_t min) const {
  const Json& value = at(field, "an integer");
  const std::string expected = fmt::format("an integer from {} to {}", min, max);
  if (!value.is_number_integer()) fail_value(field, value, expected);
  const bool huge = value.is_number_unsigned() &&
                    value.get<std::uint64_t>() > std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  if (huge || value.get<std::int64_t>() < min || value.get<std::int64_t>() > max) {
    fail_value(field, value, expected);
  }
  return value.get<std::int64_t>();
}

std::int64_t ConfigReader::size_or(const char* field, std::int64_t max, std::int64_t fallback,
                                   std::int64_t min) const {
  return has(field) ? size(field, max, min) : fallback;
}

double ConfigReader::number_or(const char* field, double fallback) const {
  if (!has(field)) return fallback;
  const Json& value = at(field, "a number");
  if (!value.is_number() || !std::isfinite(value.get<double>())) fail_value(field, value, "a finite number");
  return value.get<double>();
}

double ConfigReader::positive(const char* field) const {
  const Json& value = at(field, "a number above 0");
  const bool good = value.is_number() && std::isfinite(value.get<double>()) && value.get<double>() > 0.0;
  if (!good) fail_value(field, value, "a finite number above 0");
  return value.get<double>();
}

double ConfigReader::positive_or(const char* field, double fallback) const {
  return has(field) ? positive(field) : fallback;
}

bool ConfigReader::boolean_or(const char* field, bool fallback) const {
  if (!has(field)) return fallback;
  const Json& value = at(field, "true or false");
  if (!value.is_boolean()) fail_value(field, value, "true or false");
  return value.get<bool>();
}

std::string ConfigReader::required_string(const char* field) const {
  const Json& value = at(field, "a string");
  if (!value.is_string()) fail_value(field, value, "a string");
  return value.get<std::string>();
}

std::string ConfigReader::string_or(const char* field, const std::string& fallback) const {
  return has(field) ? required_string(field) : fallback;
}

std::vector<std::string> ConfigReader::strings(const char* field) const {
  const Json& value = at(field, "an array of strings");
  if (!value.is_array()) fail_value(field, value, "an array of strings");
  std::vector<std::string> out;
  for (const Json& item : value) {
    if (!item.is_string()) fail_value(field, item, "an array of strings");
    out.push_back(item.get<std::string>());
  }
  return out;
}

std::vector<double> ConfigReader::positives(const char* field) const {
  constexpr const char* kExpected = "an array of numbers above 0";
  const Json& value = at(field, kExpected);
  if (!value.is_array()) fail_value(field, value, kExpected);
  std::vector<double> out;
  for (const Json& item : value) {
    const bool good = item.is_number() && std::isfinite(item.get<double>()) && item.get<double>() > 0.0;
    if (!good) fail_value(field, item, kExpected);
    out.push_back(item.get<double>());
  }
  return out;
}

}  // namespace armorm::model
