#include "model/name_pattern.h"

#include <algorithm>
#include <cctype>
#include <cstdint>

#include "core/error.h"

namespace armorm::model {
namespace {

constexpr std::size_t kMaxPatternBytes = 4096;
constexpr std::size_t kMaxNameBytes = 512;
constexpr std::int64_t kMaxRepeats = 100;  // of all {n} together

// Escapes of letters and digits that mean the same in both, for ASCII names.
constexpr std::string_view kSharedEscapes = "dDwWsSbB";

// A class that begins with ']' is complete in ECMAScript, which also knows '[:', '[.' and '[=' in a class.
std::string_view unshared_class(std::string_view from) {
  for (const char* start : {"[]", "[^]"})
    if (from.starts_with(start)) return start;
  return "";
}

std::string_view unshared_escape(std::string_view from) {
  const bool word = from.size() > 1 && std::isalnum(static_cast<unsigned char>(from[1])) != 0;
  return word && kSharedEscapes.find(from[1]) == std::string_view::npos ? from.substr(0, 2) : "";
}

std::string_view unshared_group(std::string_view from) {
  return from.starts_with("(?") && !from.starts_with("(?:") ? from.substr(0, 3) : "";
}

// A repeat multiplies the size of the matcher.
std::string_view long_repeat(std::string_view from, std::int64_t& repeats) {
  std::int64_t most = 1;
  std::int64_t number = 0;
  for (const char c : from.substr(1, from.find('}'))) {
    number = c >= '0' && c <= '9' ? std::min(number * 10 + (c - '0'), kMaxRepeats + 1) : 0;
    most = std::max(most, number);
  }
  repeats = std::min(repeats * most, kMaxRepeats + 1);
  return repeats > kMaxRepeats ? from.substr(0, from.find('}') + 1) : "";
}

// What Python reads in another way than ECMAScript, or a repeat that is too long; empty if nothing.
std::string_view unshared(std::string_view pattern) {
  for (const char* part : {"{,", "*+", "++", "?+", "}+", "\n"})
    if (pattern.find(part) != std::string_view::npos) return part;
  bool in_class = false;
  std::int64_t repeats = 1;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const std::string_view rest = pattern.substr(i);
    std::string_view found;
    if (rest[0] == '\\') {
      found = unshared_escape(rest);
      ++i;
    } else if (in_class) {
      if (rest[0] == '[') found = rest.substr(0, 2);
      in_class = rest[0] != ']';
    } else if (rest[0] == '[') {
      found = unshared_class(rest);
      in_class = true;
    } else {
      found = rest[0] == '{' ? long_repeat(rest, repeats) : unshared_group(rest);
    }
    if (!found.empty()) return found;
  }
  return "";
}

// The polynomial matcher takes no exponential time, whatever the pattern.
std::regex compile(const std::string& pattern, const std::string& where) {
  if (pattern.size() > kMaxPatternBytes)
    fail_data("{}: the pattern is longer than {} bytes", where, kMaxPatternBytes);
  const std::string_view part = unshared(pattern);
  if (!part.empty())
    fail_data(
        "{}: found '{}' in the pattern '{}', which is not read; merge the adapter with peft's "
        "merge_and_unload",
        where, part, pattern);
  try {
    return std::regex(pattern, std::regex_constants::ECMAScript | std::regex_constants::__polynomial);
  } catch (const std::regex_error&) {
    fail_data("{}: found '{}', expected a regular expression", where, pattern);
  }
}

}  // namespace

NamePattern::NamePattern(const std::string& pattern, const std::string& where)
    : regex_(compile(pattern, where)) {}

bool NamePattern::matches(std::string_view name) const {
  return name.size() <= kMaxNameBytes && std::regex_match(name.begin(), name.end(), regex_);
}

}  // namespace armorm::model
