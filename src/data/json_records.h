// The texts of the rows of a JSON file, in order: the lines of JSON Lines, or the elements of one array.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "core/error.h"

namespace armorm::data {

class JsonRecords {
 public:
  virtual ~JsonRecords() = default;
  // False at the end; empty lines are skipped. Damage that ends the reading is a data error.
  virtual bool next(std::string& text) = 0;
  // data error when the last record could not be read, as it is too long; the following ones can be.
  void check_readable() const {
    if (!problem_.empty()) fail_data("{}", problem_);
  }
  virtual std::string where() const = 0;  // position of the last record, for messages: "FILE: line 7"

 protected:
  std::string problem_;  // of the last record
};

// Chooses the form by the first character that is not white space.
std::unique_ptr<JsonRecords> open_json_records(const std::filesystem::path& path);

}  // namespace armorm::data
