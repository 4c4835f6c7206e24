// Regular expressions over the names of modules, as Python's re reads them.
#pragma once

#include <regex>
#include <string>
#include <string_view>

namespace armorm::model {

class NamePattern {
 public:
  // data error that begins with `where` for a pattern that is no regular expression, or that uses what Python
  // and ECMAScript read differently, or is large.
  NamePattern(const std::string& pattern, const std::string& where);

  bool matches(std::string_view name) const;  // re.fullmatch

 private:
  std::regex regex_;
};

}  // namespace armorm::model
