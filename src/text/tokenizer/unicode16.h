// The character classes in tokenizer.json's patterns, at Unicode 16: the version of the regex engine inside
// `tokenizers`. PCRE2 and utf8proc of current distributions are older; a table here holds the difference.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/utf8.h"

namespace armorm::text::tokenizer {

enum class CharClass : std::uint8_t { other, letter, number, space };  // \p{L}, \p{N}, \s

class CharTable {
 public:
  static const CharTable& instance();
  CharClass of(char32_t code_point) const {
    return static_cast<CharClass>(blocks_[index_[code_point >> 8] * 256U + (code_point & 0xff)]);
  }

 private:
  CharTable();
  std::string blocks_;
  std::uint16_t index_[0x1100] = {};
};

bool is_word_char(char32_t code_point);  // \w of the `regex` crate
bool is_nonspacing_mark(char32_t code_point);
void append_lowercase(std::string& out, char32_t code_point);
// Code points newer than the normalization tables of `tokenizers`: NFC and the other forms leave them
// unchanged.
bool is_inert_in_normalization(char32_t code_point);

// `\x{..}-\x{..}` items to add to \p{L}, \p{N}, \p{Nd} and \p{M} of a Unicode 14 engine inside a character
// class.
const std::string& newer_letters();
const std::string& newer_numbers();
const std::string& newer_digits();  // \p{Nd}
const std::string& newer_marks();
std::string newer_in(std::string_view property);  // "Lu", "S", "Han", ...; empty where nothing is newer

}  // namespace armorm::text::tokenizer
