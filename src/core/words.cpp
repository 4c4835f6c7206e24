#include "core/words.h"

#include <algorithm>

#include "core/error.h"

namespace armorm {
namespace {

// "a, b or c"
std::string alternatives(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " or " : ", ";
    text += words[i];
  }
  return text;
}

}  // namespace

std::size_t find_word(std::string_view what, std::string_view word, std::span<const std::string_view> words) {
  const auto found = std::find(words.begin(), words.end(), word);
  if (found == words.end()) fail_usage("{}: '{}' is unknown; use {}", what, word, alternatives(words));
  return static_cast<std::size_t>(found - words.begin());
}

}  // namespace armorm
