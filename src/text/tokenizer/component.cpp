#include "text/tokenizer/component.h"

namespace armorm::text::tokenizer {

Pattern read_pattern(const JsonView& component) {
  const JsonView pattern = component.at("pattern").object();
  if (pattern.size() != 1) pattern.fail("several fields", "one field, String or Regex");
  if (!pattern.raw().contains("String")) return {pattern.at("Regex"), false};
  const JsonView text = pattern.at("String");
  return {text, !text.string().empty()};
}

void check_byte_level(const JsonView& component) {
  component.account({"type", "add_prefix_space", "trim_offsets", "use_regex"});
  for (const char* flag : {"add_prefix_space", "trim_offsets", "use_regex"}) component.boolean_or(flag, true);
}

void account_for_metaspace(const JsonView& component) {
  component.account({"type", "replacement", "add_prefix_space", "prepend_scheme", "split", "str_rep"});
}

}  // namespace armorm::text::tokenizer
