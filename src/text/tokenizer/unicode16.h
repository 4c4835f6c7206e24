// Code points, and the character classes that tokenizer.json's patterns use, at Unicode 16: the version of
// the regex engine inside `tokenizers`. PCRE2 and utf8proc of today's distributions are older; the difference
// is a table here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace armorm::text {

struct Decoded {
  char32_t code_point = 0;
  std::size_t size = 1;  // bytes
};

// `text` must be valid UTF-8 and `at` the start of a character.
inline Decoded decode_utf8(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + k]));
  };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xe0) return {((first & 0x1f) << 6) | (byte(1) & 0x3f), 2};
  if (first < 0xf0) return {((first & 0x0f) << 12) | ((byte(1) & 0x3f) << 6) | (byte(2) & 0x3f), 3};
  return {((first & 0x07) << 18) | ((byte(1) & 0x3f) << 12) | ((byte(2) & 0x3f) << 6) | (byte(3) & 0x3f), 4};
}

// Start of the character that ends at `end`.
inline std::size_t previous_char(std::string_view text, std::size_t end) {
  do --end;
  while ((static_cast<unsigned char>(text[end]) & 0xc0) == 0x80);
  return end;
}

void append_utf8(std::string& out, char32_t code_point);
// First byte that breaks UTF-8 (overlong forms, surrogates and values past U+10FFFF included), nullopt when
// valid.
std::optional<std::size_t> first_invalid_utf8(std::string_view text);

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
  std::uint16_t index_[0x1100];
};

bool is_space(char32_t code_point);      // White_Space
bool is_word_char(char32_t code_point);  // \w of the `regex` crate
bool is_nonspacing_mark(char32_t code_point);
void append_lowercase(std::string& out, char32_t code_point);
// Code points younger than the normalization tables of `tokenizers`: NFC and the like leave them where they
// are.
bool is_inert_in_normalization(char32_t code_point);

// `\x{..}-\x{..}` items to add to \p{L}, \p{N}, \p{Nd} and \p{M} of a Unicode 14 engine inside a character
// class.
const std::string& newer_letters();
const std::string& newer_numbers();
const std::string& newer_digits();  // \p{Nd}
const std::string& newer_marks();

}  // namespace armorm::text
