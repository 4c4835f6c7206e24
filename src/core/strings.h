// Small functions on text.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace armorm {

// Text of others for a message, which is one line: control characters become spaces, line feeds `line_feed`.
std::string one_line(std::string_view text, std::string_view line_feed = " ");

// Without the spaces, tabs and line ends at both ends.
std::string_view trimmed(std::string_view text) noexcept;

// Whether it is `digits` lower-case hexadecimal digits, as digests are written.
bool is_lower_hex(std::string_view text, std::size_t digits) noexcept;

}  // namespace armorm
