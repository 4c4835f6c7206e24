#include "report/results.h"

#include <iostream>
#include <nlohmann/json.hpp>

#include "core/print.h"
#include "core/strings.h"

namespace armorm::report {

void Results::show(std::string_view text) const {
  if (!as_json_) print(text);
}

void Results::document(const nlohmann::json& document) const {
  if (as_json_) print_json(document);
}

void print_json(const nlohmann::json& document) {
  // Valid JSON still: the escapes of characters above ASCII are JSON's, and dump() has written those of the
  // others.
  std::cout << escape_controls(document.dump(2), "\n\x7f") << "\n";
}

}  // namespace armorm::report
