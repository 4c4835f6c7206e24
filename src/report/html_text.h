// Texts of a data set in the HTML reports: of any length, with any characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "report/gate_figures.h"

namespace armorm::report::html {

// Escaped text of which nothing is lost or takes effect: control characters, which HTML has no way to hold,
// become their pictures (U+2400 and on), and bytes that are not UTF-8 become U+FFFD.
std::string plain_text(std::string_view text);

// Where a text is cut for a first look: 0 < cut <= size, size where the rest is not worth folding. Between
// two characters, after a blank if one is near.
std::size_t fold_position(std::string_view text);

// The text with its line breaks; the rest of a long one is folded. Its direction is that of its first
// letters, and its marks of direction end with it.
std::string text_block(std::string_view text);

// The turns with their roles. Of many, those before the last ones are folded.
std::string turns_block(const std::vector<Turn>& turns);

}  // namespace armorm::report::html
