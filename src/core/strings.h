// Small string functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace armorm {

// Foreign text for a message, which is one line: control characters become spaces, line feeds `line_feed`.
std::string one_line(std::string_view text, std::string_view line_feed = " ");

// Foreign text for a terminal: control characters, those of bidirectional text, and bytes that are not UTF-8
// become escapes such as \x1b, \n and \u009b, except the ASCII ones in `keep`.
std::string escape_controls(std::string_view text, std::string_view keep = {});

// Foreign text within a message: escaped, and cut after `most` bytes.
std::string shown(std::string_view text, std::size_t most = 200);

constexpr std::size_t kMaxShownPath = 4096;  // PATH_MAX

// A message as it leaves the program: escaped, and one of more than 16 KiB without its middle, so that its
// beginning and its remedy remain.
std::string shown_message(std::string_view message, std::string_view keep = {});

// Removes spaces, tabs and line ends at both ends.
std::string_view trimmed(std::string_view text) noexcept;

// Whether `text` is exactly `digits` lower-case hexadecimal digits, the form of digests.
bool is_lower_hex(std::string_view text, std::size_t digits) noexcept;

}  // namespace armorm
