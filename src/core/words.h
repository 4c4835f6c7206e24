// Enumerations and their words. An enumeration whose enumerators count from 0 has one table next to it,
//   constexpr std::array<std::string_view, 2> words_of(SplitBy) { return {"row", "prompt"}; }
// which names, parsing, command line, config files and help share.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace armorm {

template <class E>
concept Worded = std::is_enum_v<E> && requires(E value) {
  words_of(value).size();
};

template <Worded E>
constexpr std::string_view name_of(E value) {
  return words_of(value)[static_cast<std::size_t>(value)];
}

// Index of `word`; otherwise usage error "<what>: '<word>' is unknown; use a, b or c".
std::size_t find_word(std::string_view what, std::string_view word, std::span<const std::string_view> words);

// The enumerator of `word`; usage error as for find_word().
template <Worded E>
E parse_word(std::string_view what, std::string_view word) {
  return static_cast<E>(find_word(what, word, words_of(E{})));
}

}  // namespace armorm
