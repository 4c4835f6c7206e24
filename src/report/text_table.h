// Aligned tables for the terminal.
#pragma once

#include <string>
#include <vector>

namespace armorm::report {

// First column left-aligned, the others right-aligned; a rule under the header. Control characters are
// escaped: cells quote data.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(const std::vector<std::string>& row);
  std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace armorm::report
