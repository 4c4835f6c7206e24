// Values as JSON, in the formats of Python's json.dumps.
#pragma once

#include <optional>

#include "text/jinja/text.h"
#include "text/jinja/value.h"

namespace armorm::text::jinja {

struct JsonStyle {
  bool ascii = false;
  bool sort_keys = false;
  std::optional<Text> indent;  // per level; none: everything on one line
  Text item_separator = Text::trusted(", ");
  Text key_separator = Text::trusted(": ");
};

// Fails for values that json.dumps refuses.
Text to_json(const Value& value, const JsonStyle& style);

}  // namespace armorm::text::jinja
