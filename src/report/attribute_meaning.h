// What the attributes of the published model measure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace armorm::report {

struct AttributeMeaning {
  std::string_view name;
  std::string_view meaning;
  std::string_view rating;  // in the data set: "0 to 4"
  std::string_view label;   // what the regression is trained on: "(rating + 0.5) / 5: 0.1 to 0.9"
};

// nullptr for an attribute that is not one of the published 19.
const AttributeMeaning* meaning_of(std::string_view attribute);

// A table of the attributes in their order; unknown ones have their names alone. "" if all are unknown.
std::string meanings_table(const std::vector<std::string>& attributes);

}  // namespace armorm::report
