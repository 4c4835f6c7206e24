#include "report/short_names.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string_view>

#include "core/display_width.h"

namespace armorm::report {
namespace {

constexpr std::size_t kShortestWord = 3;  // columns of a word that was shortened, before its full stop

bool is_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalnum(byte) != 0;
}

struct Part {
  std::string text;
  bool word = false;
  bool cut = false;

  std::size_t width() const { return display_width(text); }
  bool can_shrink() const { return word && width() > (cut ? kShortestWord : kShortestWord + 1); }
  std::string shown() const { return cut ? text + "." : text; }
};

// Words and what is between them.
std::vector<Part> parts_of(std::string_view name) {
  std::vector<Part> parts;
  for (const char c : name) {
    if (parts.empty() || parts.back().word != is_word(c)) parts.push_back({"", is_word(c), false});
    parts.back().text += c;
  }
  return parts;
}

std::string joined(const std::vector<Part>& parts) {
  std::string out;
  for (const Part& part : parts) out += part.shown();
  return out;
}

std::string shortened(const std::string& name, std::size_t most) {
  std::vector<Part> parts = parts_of(name);
  while (display_width(joined(parts)) > most) {
    Part* longest = nullptr;
    for (Part& part : parts)
      if (part.can_shrink() && (longest == nullptr || part.width() > longest->width())) longest = &part;
    if (longest == nullptr) return std::string(cut_to_width(joined(parts), most));
    // The full stop takes the place of a second character.
    longest->text = cut_to_width(longest->text, longest->width() - (longest->cut ? 1 : 2));
    longest->cut = true;
  }
  return joined(parts);
}

// "beginning~2"
std::string numbered(const std::string& name, int number, std::size_t most) {
  const std::string end = fmt::format("~{}", number);
  return std::string(cut_to_width(name, most - std::min(most, end.size()))) + end;
}

}  // namespace

std::vector<std::string> short_names(const std::vector<std::string>& names, std::size_t most) {
  std::set<std::string> taken(names.begin(), names.end());
  std::map<std::string, std::string> chosen;
  std::vector<std::string> out;
  for (const std::string& name : names) {
    if (display_width(name) <= most) {
      out.push_back(name);
      continue;
    }
    std::string& text = chosen[name];
    if (text.empty()) {
      const std::string first = shortened(name, most);
      text = first;
      for (int number = 2; !taken.insert(text).second; ++number) text = numbered(first, number, most);
    }
    out.push_back(text);
  }
  return out;
}

}  // namespace armorm::report
