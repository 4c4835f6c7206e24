// Aligned tables for the terminal.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "report/text_style.h"

namespace armorm::report {

// The first column holds names and is left-aligned, the others right-aligned; a rule under the header.
// Control characters are escaped: cells quote data. No line is wider than the style's columns. A table that
// would be has, in this order and only as far as needed: headers of several lines, columns of text in several
// lines, short names with a legend below, and several parts that repeat the names.
class TextTable {
 public:
  explicit TextTable(const std::vector<std::string>& header) { add(header); }
  // This column is text: left-aligned, may be broken into lines at spaces.
  TextTable& text_column(std::size_t column);
  void add(const std::vector<std::string>& row);
  std::string str(const TextStyle& style = {}) const;

 private:
  std::vector<std::vector<std::string>> rows_;  // the first is the header
  std::vector<std::size_t> text_columns_;
};

}  // namespace armorm::report
