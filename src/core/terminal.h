// What the terminal and the locale of this process can show.
#pragma once

#include <cstddef>

namespace armorm::terminal {

// Whether the locale's characters are UTF-8, from LC_ALL, LC_CTYPE and LANG in the order of POSIX: the first
// that is set and not empty. The locale need not be installed.
bool uses_utf8();

// Whether lines can be redrawn there: a terminal, and TERM is not "dumb".
bool redraws(int descriptor);

// redraws(), and NO_COLOR is unset or empty (https://no-color.org).
bool uses_color(int descriptor);

// Of the terminal; `otherwise` if it is none, or has no known width.
std::size_t columns(int descriptor, std::size_t otherwise);

}  // namespace armorm::terminal
