// Code points and character classes of Python's str.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/utf8.h"

namespace armorm::text::jinja {

// A byte that starts no valid sequence is read alone, as U+FFFD of size 1.
CodePoint code_point_at(std::string_view text, std::size_t position);
std::size_t count_code_points(std::string_view text);

bool is_space(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
bool is_printable(char32_t c);
bool is_case_ignorable(char32_t c);
inline bool is_cased(char32_t c) { return is_upper(c) || is_lower(c) || is_title(c); }

// Full mappings: up to three code points. Lower-casing a final sigma needs its context and is not done here.
std::u32string to_upper(char32_t c);
std::u32string to_lower(char32_t c);
std::u32string to_title(char32_t c);

}  // namespace armorm::text::jinja
