// UTF-8 by RFC 3629: overlong forms, surrogates and values above U+10FFFF are invalid.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace armorm {

struct CodePoint {
  char32_t value = 0;
  std::size_t size = 1;  // bytes
};

inline bool is_utf8_continuation(char byte) noexcept {
  return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U;
}

// `text` must be valid UTF-8 and `at` the start of a character.
inline CodePoint decode_utf8(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t k) {
    return static_cast<char32_t>(static_cast<unsigned char>(text[at + k]));
  };
  const char32_t first = byte(0);
  if (first < 0x80) return {first, 1};
  if (first < 0xe0) return {((first & 0x1f) << 6) | (byte(1) & 0x3f), 2};
  if (first < 0xf0) return {((first & 0x0f) << 12) | ((byte(1) & 0x3f) << 6) | (byte(2) & 0x3f), 3};
  return {((first & 0x07) << 18) | ((byte(1) & 0x3f) << 12) | ((byte(2) & 0x3f) << 6) | (byte(3) & 0x3f), 4};
}

// Start of the character that ends at `end`, which must be above 0. `text` must be valid UTF-8.
inline std::size_t previous_char(std::string_view text, std::size_t end) noexcept {
  do --end;
  while (is_utf8_continuation(text[end]));
  return end;
}

// `code_point` must be at most U+10FFFF.
void append_utf8(std::string& out, char32_t code_point);

// Position of the first invalid sequence; nullopt if there is none.
std::optional<std::size_t> first_invalid_utf8(std::string_view text) noexcept;
inline bool is_utf8(std::string_view text) noexcept { return !first_invalid_utf8(text); }

bool is_ascii(std::string_view text) noexcept;

// Unicode's property White_Space.
bool is_white_space(char32_t code_point) noexcept;

}  // namespace armorm
