// Names the columns of a data set that no row is made from.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace armorm::data {

class ColumnAccount {
 public:
  explicit ColumnAccount(std::string where) : where_(std::move(where)) {}

  // Whether a column of this name is known to say what rows are and where they come from.
  static bool describes_rows(std::string_view column);

  void use(const std::string& column) { used_.insert(column); }
  // One warning of those that are not used, do not describe rows, and were not named before. With each name
  // comes the number of rows that hold it, 1 = unknown.
  void warn_of_unread(const std::map<std::string, std::int64_t>& columns);

 private:
  std::string where_;
  std::set<std::string> used_;
  std::set<std::string> named_;
};

}  // namespace armorm::data
