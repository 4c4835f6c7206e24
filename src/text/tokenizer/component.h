// What several components of tokenizer.json hold.
#pragma once

#include "text/tokenizer/json_view.h"

namespace armorm::text::tokenizer {

struct Pattern {
  JsonView text;            // a string
  bool is_literal = false;  // a text to find; else a regular expression
};

// The pattern of a Split or a Replace. An empty literal counts as an expression: it matches at every place.
Pattern read_pattern(const JsonView& component);

// A ByteLevel, as pre-tokenizer, post-processor or decoder.
void check_byte_level(const JsonView& component);

// The fields of a Metaspace, as pre-tokenizer or decoder.
void account_for_metaspace(const JsonView& component);

}  // namespace armorm::text::tokenizer
