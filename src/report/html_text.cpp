#include "report/html_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/utf8.h"
#include "report/html_page.h"

namespace armorm::report::html {
namespace {

constexpr std::size_t kFirstBytes = 1500;  // shown of a long text
constexpr std::size_t kFirstLines = 24;
constexpr std::size_t kLeastFolded = 300;  // bytes, or lines below; less is shown at once
constexpr std::size_t kLeastLines = 12;
constexpr std::size_t kBlankWithin = 200;  // bytes before the limit in which a blank is looked for
constexpr std::size_t kLastTurns = 3;      // shown of many

constexpr const char* kReplacement = "\xef\xbf\xbd";

bool is_control(unsigned char c) { return (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f; }

// U+2400 to U+2421
std::string picture_of(unsigned char control) {
  const auto last = static_cast<char>(0x80 + (control == 0x7f ? 0x21 : control));
  return {'\xe2', '\x90', last};
}

// Escapes a character that is one byte.
void append_ascii(char c, std::string& out) {
  if (is_control(static_cast<unsigned char>(c)))
    out += picture_of(static_cast<unsigned char>(c));
  else
    out += escaped({&c, 1});
}

std::size_t characters_in(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return !is_utf8_continuation(c); }));
}

// The position after `count` lines, or the size.
std::size_t after_lines(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (std::size_t line = 0; line < count; ++line) {
    at = text.find('\n', at);
    if (at == std::string_view::npos) return text.size();
    ++at;
  }
  return at;
}

// "12,345"
std::string grouped(std::size_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string said(std::string_view text) {
  return fmt::format("<div class=\"said\" dir=\"auto\">{}</div>\n", plain_text(text));
}

std::string turn_block(const Turn& turn) {
  return fmt::format("<div class=\"turn\"><p class=\"role\"><bdi>{}</bdi></p>\n{}</div>\n",
                     plain_text(turn.role), text_block(turn.text));
}

}  // namespace

std::string plain_text(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (std::size_t at = 0; at < text.size();) {
    const bool line_end = text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n';
    if (const auto byte = static_cast<unsigned char>(text[at]); byte < 0x80) {
      if (!line_end) append_ascii(text[at], out);
      ++at;
      continue;
    }
    std::size_t end = at + 1;
    while (end < text.size() && end < at + 4 && is_utf8_continuation(text[end])) ++end;
    const std::string_view character = text.substr(at, end - at);
    const bool valid = is_utf8(character);
    if (valid)
      out += character;
    else
      out += kReplacement;
    at += valid ? character.size() : 1;
  }
  return out;
}

std::size_t fold_position(std::string_view text) {
  const std::size_t limit = std::min(kFirstBytes, after_lines(text, kFirstLines));
  if (text.size() < limit + kLeastFolded && after_lines(text, kFirstLines + kLeastLines) == text.size())
    return text.size();
  if (text[limit - 1] == '\n') return limit;
  const std::size_t blank = text.find_last_of(" \n\t", limit - 1);
  if (blank != std::string_view::npos && blank + kBlankWithin >= limit) return blank + 1;
  std::size_t cut = limit;
  while (cut > 1 && is_utf8_continuation(text[cut])) --cut;
  return cut;
}

std::string text_block(std::string_view text) {
  if (text.empty()) return "<p class=\"quiet\">(empty)</p>\n";
  const std::size_t cut = fold_position(text);
  if (cut == text.size()) return said(text);
  const std::string summary =
      fmt::format("The other {} of {} characters", grouped(characters_in(text.substr(cut))),
                  grouped(characters_in(text)));
  return said(text.substr(0, cut)) + details(summary, said(text.substr(cut)));
}

std::string turns_block(const std::vector<Turn>& turns) {
  std::string earlier, last;
  const std::size_t folded = turns.size() > kLastTurns + 1 ? turns.size() - kLastTurns : 0;
  for (std::size_t i = 0; i < turns.size(); ++i) (i < folded ? earlier : last) += turn_block(turns[i]);
  if (folded > 0) earlier = details(fmt::format("{} earlier turns", folded), earlier);
  return earlier + last;
}

}  // namespace armorm::report::html
