// Results for people, on standard output.
#pragma once

#include <string_view>

namespace armorm {

// Control characters of what the text quotes become escapes, except line feeds and tabs. A name that comes
// from outside goes through shown() before it becomes a part of a text: it may hold a line feed, and be long.
void print(std::string_view text);

}  // namespace armorm
