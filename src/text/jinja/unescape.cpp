// String literals as decoded by Python's "unicode-escape" codec, after non-ASCII characters became \x, \u or
// \U.
#include <fmt/core.h>

#include "text/jinja/failure.h"
#include "text/jinja/lexer.h"
#include "text/jinja/python_unicode.h"

namespace armorm::text::jinja {
namespace {

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return 99;
}

char32_t read_hex(std::string_view literal, std::size_t& at, std::size_t digits, int line) {
  char32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i, ++at) {
    if (at >= literal.size() || digit_value(literal[at]) > 15)
      fail_at(line, "the string has a truncated escape");
    value = value * 16 + static_cast<char32_t>(digit_value(literal[at]));
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value < 0xE000)) {
    fail_at(line, "the string escapes something that is not a character");
  }
  return value;
}

char32_t read_octal(std::string_view literal, std::size_t& at) {
  char32_t value = 0;
  for (int i = 0; i < 3 && at < literal.size() && digit_value(literal[at]) < 8; ++i, ++at) {
    value = value * 8 + static_cast<char32_t>(digit_value(literal[at]));
  }
  return value;
}

// The one-letter escapes; 0 for others.
char simple_escape(char c) {
  static constexpr std::string_view kFrom = "\\'\"abfnrtv";
  static constexpr std::string_view kTo = "\\'\"\a\b\f\n\r\t\v";
  const std::size_t found = kFrom.find(c);
  return found == std::string_view::npos ? '\0' : kTo[found];
}

// `at` is the position after the backslash.
void append_escape(std::string& out, std::string_view literal, std::size_t& at, int line) {
  const char c = literal[at];
  if (const char simple = simple_escape(c); simple != '\0') {
    out.push_back(simple);
    ++at;
  } else if (c == '\n') {
    ++at;
  } else if (c == 'x' || c == 'u' || c == 'U') {
    ++at;
    append_utf8(out, read_hex(literal, at, c == 'x' ? 2 : c == 'u' ? 4 : 8, line));
  } else if (digit_value(c) < 8) {
    append_utf8(out, read_octal(literal, at));
  } else if (c == 'N') {
    fail_at(line, "the string escape \\N{...} is not supported; use \\u");
  } else if (static_cast<unsigned char>(c) >= 0x80) {
    const CodePoint code = code_point_at(literal, at);
    const auto value = static_cast<std::uint32_t>(code.value);
    out += value < 0x100     ? fmt::format("\\x{:02x}", value)
           : value < 0x10000 ? fmt::format("\\u{:04x}", value)
                             : fmt::format("\\U{:08x}", value);
    at += code.size;
  } else {
    out.push_back('\\');
    out.push_back(c);
    ++at;
  }
}

}  // namespace

std::string unescape(std::string_view literal, int line) {
  std::string out;
  for (std::size_t at = 0; at < literal.size();) {
    if (literal[at] != '\\') {
      out.push_back(literal[at++]);
    } else {
      ++at;
      append_escape(out, literal, at, line);
    }
  }
  return out;
}

}  // namespace armorm::text::jinja
