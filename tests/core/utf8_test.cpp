#include "core/utf8.h"

#include <utility>
#include <vector>

#include "support/test_support.h"

using namespace armorm;

TEST_CASE("code points have the bytes that RFC 3629 gives", "[unit]") {
  // The examples of its section 7, and both ends of each length of section 3.
  const std::vector<std::pair<std::u32string, std::string>> cases{
      {U"A\u2262\u0391.", "\x41\xE2\x89\xA2\xCE\x91\x2E"},
      {U"\uD55C\uAD6D\uC5B4", "\xED\x95\x9C\xEA\xB5\xAD\xEC\x96\xB4"},
      {U"\u65E5\u672C\u8A9E", "\xE6\x97\xA5\xE6\x9C\xAC\xE8\xAA\x9E"},
      {U"\uFEFF\U000233B4", "\xEF\xBB\xBF\xF0\xA3\x8E\xB4"},
      {{0x7f, 0x80, 0x7ff, 0x800, 0xffff, 0x10000, 0x10ffff},
       "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"}};
  for (const auto& [points, bytes] : cases) {
    std::string text;
    for (const char32_t point : points) append_utf8(text, point);
    CHECK(text == bytes);
    CHECK(is_utf8(bytes));
    std::u32string back;
    for (std::size_t at = 0; at < bytes.size(); at += decode_utf8(bytes, at).size)
      back.push_back(decode_utf8(bytes, at).value);
    CHECK(back == points);
    std::size_t end = bytes.size();
    for (std::size_t i = 0; i < points.size(); ++i) end = previous_char(bytes, end);
    CHECK(end == 0);
  }
}

TEST_CASE("every character of Unicode is valid, no surrogate is", "[unit]") {
  for (char32_t c = 0; c <= 0x10ffff; ++c) {
    std::string text;
    append_utf8(text, c);
    if (is_utf8(text) == (c >= 0xd800 && c < 0xe000)) FAIL_CHECK("code point " << static_cast<unsigned>(c));
  }
}

TEST_CASE("invalid UTF-8 is found where it begins", "[unit]") {
  // Ill-formed by table 3-7 of the Unicode Standard.
  const std::vector<std::string> bad{"\x80",
                                     "\xbf",
                                     "\xc0\x80",
                                     "\xc1\xbf",
                                     "\xc2",
                                     "\xc2\x41",
                                     "\xe0\x9f\xbf",
                                     "\xe2\x82",
                                     "\xed\xa0\x80",
                                     "\xf0\x8f\xbf\xbf",
                                     "\xf0\x9f\xa6",
                                     "\xf4\x90\x80\x80",
                                     "\xf5\x80\x80\x80",
                                     "\xff",
                                     "\xe2\x82\x41"};
  for (const std::string& piece : bad)
    for (std::size_t before = 0; before < 20; ++before)
      for (const std::size_t after : {0, 1, 9}) {
        const std::string text = std::string(before, 'a') + piece + std::string(after, 'b');
        CHECK(first_invalid_utf8(text) == before);
      }
  CHECK(first_invalid_utf8("") == std::nullopt);
  CHECK(first_invalid_utf8("12345678\xc3\xa9"
                           "12345678\x80") == 18U);
  CHECK(is_ascii(std::string("\0\x7f", 2)));
  CHECK_FALSE(is_ascii("a\xc3\xa9"));
}

TEST_CASE("white space is that of Unicode", "[unit]") {
  // PropList.txt, White_Space.
  const std::u32string_view spaces =
      U"\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028"
      U"\u2029\u202f\u205f\u3000";
  CHECK(spaces.size() == 25);
  for (char32_t c = 0; c < 0x4000; ++c)
    if (is_white_space(c) != (spaces.find(c) != std::u32string_view::npos))
      FAIL_CHECK("code point " << static_cast<unsigned>(c));
}
