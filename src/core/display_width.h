// Columns that text takes on a terminal, and breaking it into lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace armorm {

// All functions take UTF-8 without control characters, as escape_controls() returns it. A wide character
// (East Asian, emoji) takes two columns, a combining one none.
std::size_t display_width(std::string_view text) noexcept;

// The longest beginning of at most `most` columns that ends with a character and its combining ones.
std::string_view cut_to_width(std::string_view text, std::size_t most) noexcept;

// Spaces up to `width` columns after, or before, the text.
std::string padded_right(std::string_view text, std::size_t width);
std::string padded_left(std::string_view text, std::size_t width);

// Lines of at most `width` columns: text breaks at spaces; a word that is too wide after '-', '_', '/' and
// ',', before '(', then anywhere. At least one line. A character wider than `width` has a line of its own.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

// The least width at which wrapped() breaks nothing anywhere else.
std::size_t widest_piece(std::string_view text);

// Breaks only at spaces, so that paths and numbers can be copied: a long word makes a long line. Lines after
// the first begin with `indent` spaces, which count.
std::string wrapped_words(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace armorm
