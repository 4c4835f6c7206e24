// Values as JSON, in the forms of Python's json.dumps.
#pragma once

#include <optional>

#include "text/jinja/text.h"
#include "text/jinja/value.h"

namespace armorm::jinja {

struct JsonStyle {
  bool ascii = false;
  bool sort_keys = false;
  std::optional<Text> indent;  // of one level; none: all on one line
  Text item_separator = Text::trusted(", ");
  Text key_separator = Text::trusted(": ");
};

// Fails for what json.dumps refuses.
Text to_json(const Value& value, const JsonStyle& style);

}  // namespace armorm::jinja
