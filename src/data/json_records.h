// The texts of the rows of a JSON file, one after another: the lines of JSON Lines, or the elements of one
// array.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace armorm::data {

class JsonRecords {
 public:
  virtual ~JsonRecords() = default;
  virtual bool next(std::string& text) = 0;  // false at the end; empty lines are skipped
  virtual std::string where() const = 0;     // of the last record, for messages: "FILE: line 7"
};

// Chooses by the first character that is not white space.
std::unique_ptr<JsonRecords> open_json_records(const std::filesystem::path& path);

// data error when objects and arrays are nested too deep for a row: a hostile row could otherwise take memory
// many times its own size.
void check_json_depth(std::string_view text, const std::string& where);

}  // namespace armorm::data
