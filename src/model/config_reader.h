// Typed access to the fields of a JSON object. Every mismatch is a data error that names file, field, found
// and expected. The *_or readers treat null as absent.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/accounting.h"

namespace armorm::model {

// data error when the text is not JSON, not an object, or nested deeper than any configuration.
nlohmann::json parse_json(std::string_view text, std::string_view origin);

class ConfigReader {
 public:
  // `object` must outlive the reader. Without `warns`, warnings are left out.
  ConfigReader(const nlohmann::json& object, std::string origin, bool warns = true);

  // Fields that no call has asked for are unaccounted for, unless they are ignored. Copies share the account.
  void ignore(std::span<const std::string_view> fields) const { account_->ignore(fields); }
  // Ignores these where they are null or false.
  void ignore_unset(std::span<const std::string_view> fields) const;
  void warn_of_rest(std::string_view consequence) const;
  void warn(const char* field, std::string_view what) const;

  bool empty() const { return object_->empty(); }
  bool has(const char* field) const;      // present and not null
  bool is_null(const char* field) const;  // present and null
  ConfigReader object(const char* field) const;
  // The object with the fields of `other` in it, those of equal names replaced, which messages call `name`;
  // or with one more field, where it has none of that name.
  ConfigReader updated_by(const ConfigReader& other, std::string_view name) const;
  ConfigReader with_default(const char* field, const char* value) const;

  // An integer in [min, max].
  std::int64_t size(const char* field, std::int64_t max, std::int64_t min = 1) const;
  std::int64_t size_or(const char* field, std::int64_t max, std::int64_t fallback,
                       std::int64_t min = 1) const;
  // A finite number; positive() wants it above zero.
  double number_or(const char* field, double fallback) const;
  double positive(const char* field) const;
  double positive_or(const char* field, double fallback) const;
  bool boolean_or(const char* field, bool fallback) const;
  std::string required_string(const char* field) const;
  std::string string_or(const char* field, const std::string& fallback) const;
  std::vector<std::string> strings(const char* field) const;
  std::vector<double> positives(const char* field) const;  // finite numbers above 0

  [[noreturn]] void fail(const char* field, std::string_view found, std::string_view expected) const;
  // data error that shows the field's value
  [[noreturn]] void fail(const char* field, std::string_view expected) const;

 private:
  nlohmann::json::const_iterator find(const char* field) const;
  const nlohmann::json& at(const char* field, const char* expected) const;
  [[noreturn]] void fail_value(const char* field, const nlohmann::json& value,
                               std::string_view expected) const;

  ConfigReader owning(nlohmann::json object, const std::string& origin) const;

  std::shared_ptr<const nlohmann::json> owned_;  // or none
  const nlohmann::json* object_;
  std::string origin_;
  bool warns_;
  std::shared_ptr<Accounting> account_;
};

}  // namespace armorm::model
