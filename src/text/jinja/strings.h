// String operations shared by methods and filters; all keep the origin of every byte.
#pragma once

#include <optional>
#include <string>
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
Text pad(const Text& text, std::int64_t width, const Text& fill, Side text_side);
std::size_t find_bytes(std::string_view text, std::string_view part, std::size_t from);  // bytes, or npos

// Searches from the end, in linear time: string_view::rfind may compare all of a long part at every position.
class BackwardSearch {
 public:
  BackwardSearch(std::string_view text, std::string_view part);
  // Where the last occurrence that ends at `end` or before starts; npos if there is none.
  std::size_t find(std::size_t end) const;

 private:
  std::string_view text_;
  std::string_view part_;
  Held memory_;
  std::string reversed_text_;  // empty for a short part
  std::string reversed_part_;
};

}  // namespace armorm::text::jinja
