// The texts of the rows of a JSON file, in order: the lines of JSON Lines, or the elements of one array.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace armorm::data {

class JsonRecords {
 public:
  virtual ~JsonRecords() = default;
  virtual bool next(std::string& text) = 0;  // false at the end; empty lines are skipped
  virtual std::string where() const = 0;     // position of the last record, for messages: "FILE: line 7"
};

// Chooses the form by the first character that is not white space.
std::unique_ptr<JsonRecords> open_json_records(const std::filesystem::path& path);

}  // namespace armorm::data
