#include "core/strings.h"

#include <fmt/core.h>

#include <cstdint>

#include "core/utf8.h"

namespace armorm {
namespace {

// Of the categories Cc, Zl and Zp, and the ones that change the direction of text.
bool is_control(char32_t c) noexcept {
  return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0x061c || c == 0x200e || c == 0x200f;
}

// The start of the character around `at`, which is inside `text`.
std::size_t start_of_char(std::string_view text, std::size_t at) noexcept {
  std::size_t start = at;
  while (start > 0 && at - start < 3 && is_utf8_continuation(text[start])) --start;
  return is_utf8_continuation(text[start]) ? at : start;
}

std::string escape_of(char32_t c) {
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  const auto code = static_cast<std::uint32_t>(c);
  return c < 0x80 ? fmt::format("\\x{:02x}", code) : fmt::format("\\u{:04x}", code);
}

}  // namespace

std::string one_line(std::string_view text, std::string_view line_feed) {
  std::string line;
  line.reserve(text.size());
  for (const char c : text) {
    if (c == '\n') {
      line += line_feed;
    } else {
      line.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
    }
  }
  return line;
}

std::string escape_controls(std::string_view text, std::string_view keep) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t valid = first_invalid_utf8(text).value_or(text.size());
    for (std::size_t at = 0; at < valid;) {
      const CodePoint c = decode_utf8(text, at);
      const bool kept = c.size == 1 && keep.find(text[at]) != std::string_view::npos;
      if (is_control(c.value) && !kept)
        out += escape_of(c.value);
      else
        out.append(text, at, c.size);
      at += c.size;
    }
    if (valid == text.size()) break;
    out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[valid]));
    text.remove_prefix(valid + 1);
  }
  return out;
}

std::string shown(std::string_view text, std::size_t most) {
  if (text.size() <= most) return escape_controls(text);
  return escape_controls(text.substr(0, start_of_char(text, most))) + "...";
}

std::string shown_message(std::string_view message, std::string_view keep) {
  constexpr std::size_t kMost = std::size_t{16} << 10;
  constexpr std::size_t kEnd = kMost / 4;
  if (message.size() <= kMost) return escape_controls(message, keep);
  const std::size_t head = start_of_char(message, kMost - kEnd);
  const std::size_t tail = start_of_char(message, message.size() - kEnd);
  return escape_controls(message.substr(0, head), keep) + fmt::format(" ...({} bytes)... ", tail - head) +
         escape_controls(message.substr(tail), keep);
}

std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool is_lower_hex(std::string_view text, std::size_t digits) noexcept {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

}  // namespace armorm
