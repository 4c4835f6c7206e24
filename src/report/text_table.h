// Aligned tables for the terminal.
#pragma once

#include <string>
#include <vector>

namespace armorm::report {

// First column left-aligned, the others right-aligned; a rule under the header.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> header) : rows_{std::move(header)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  std::string str() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace armorm::report
