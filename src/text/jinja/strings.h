// String operations shared by methods and filters; all keep the origin of every byte.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "text/jinja/text.h"
#include "text/jinja/value.h"

namespace armorm::text::jinja {

enum class Side { left, right, both };

// `characters` null strips white space.
Text strip(const Text& text, Side side, const Text* characters);
Text upper(const Text& text);
Text lower(const Text& text);
Text title(const Text& text);
Text capitalize(const Text& text);
Text swap_case(const Text& text);
// A negative count replaces all.
Text replace(const Text& text, const Text& from, const Text& to, std::int64_t count);
std::vector<Value> split(const Text& text, const Text* separator, std::int64_t limit, bool from_right);
std::vector<Value> split_lines(const Text& text, bool keep_ends);
std::vector<Value> partition(const Text& text, const Text& separator, bool from_right);
Text join(const Text& separator, const std::vector<Text>& parts);
Text pad(const Text& text, std::int64_t width, const Text& fill, Side text_side);
std::size_t find_bytes(std::string_view text, std::string_view part, std::size_t from);  // bytes, or npos

}  // namespace armorm::text::jinja
