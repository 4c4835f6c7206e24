// How tables are drawn: their width, and with which characters.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace armorm::report {

inline constexpr std::size_t kMaxColumns = 100;
inline constexpr std::size_t kMinColumns = 60;  // narrower terminals break lines themselves

struct TextStyle {
  std::size_t columns = kMaxColumns;
  bool unicode = false;
};

// For standard output: as wide as its terminal, within the limits above, or the maximum; Unicode where the
// locale is UTF-8.
TextStyle output_style();

// A line of prose for standard output, with its line end. A terminal gets it broken at spaces, lines after
// the first indented; elsewhere it is one line, for grep.
std::string paragraph(std::string_view text, std::size_t indent);

// A bar of `fraction`, clamped to [0, 1], of `columns`; without spaces at the end. NaN has none.
std::string bar(double fraction, std::size_t columns, const TextStyle& style);

}  // namespace armorm::report
