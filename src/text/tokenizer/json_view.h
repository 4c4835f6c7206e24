// Type-checked reading of tokenizer.json: a wrong type is a data error that names its path in the file.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace armorm::text::tokenizer {

// A value in the document with its path. Cheap to copy; the document must outlive it.
class JsonView {
 public:
  JsonView(const nlohmann::json& value, const std::string& origin, std::string path)
      : value_(&value), origin_(&origin), path_(std::move(path)) {}

  bool has(const char* key) const;  // present and not null; false for values that are not objects
  JsonView at(const char* key) const;
  JsonView at(std::size_t index) const;
  std::size_t size() const { return value_->size(); }
  const nlohmann::json& raw() const { return *value_; }

  JsonView object() const;  // the view itself, after the check
  // Warns once of fields that are neither among these nor read by `tokenizers`.
  void account(std::initializer_list<std::string_view> fields) const;
  JsonView array() const;
  const std::string& string() const;
  bool boolean() const;
  std::int32_t id() const;  // 0 .. 2^31-1

  // Where the key is absent, or, in the second of each pair, null.
  bool boolean_or(const char* key, bool otherwise) const;
  bool optional_boolean(const char* key, bool otherwise) const {
    return has(key) ? at(key).boolean() : otherwise;
  }
  std::string string_or(const char* key, const std::string& otherwise) const;
  std::string optional_string(const char* key, const std::string& otherwise) const {
    return has(key) ? at(key).string() : otherwise;
  }
  std::string type() const { return object().at("type").string(); }

  [[noreturn]] void fail(std::string_view found, std::string_view expected) const;
  [[noreturn]] void unsupported(std::string_view what) const;
  const std::string& path() const { return path_; }
  const std::string& origin() const { return *origin_; }

 private:
  const nlohmann::json* value_;
  const std::string* origin_;
  std::string path_;
};

// Parses with a nesting limit of 64; a data error names `origin`.
nlohmann::json parse_json(std::string_view text, const std::string& origin);

}  // namespace armorm::text::tokenizer
