#include "core/strings.h"

#include <fmt/core.h>

#include "support/test_support.h"

using namespace armorm;

TEST_CASE("text of others fits on one line", "[unit]") {
  CHECK(one_line("") == "");
  CHECK(one_line("a\nb\tc\r\n\x1f\x7f\xc3\xa9") == "a b c   \x7f\xc3\xa9");
  CHECK(one_line("a\n\nb", "\\n") == "a\\n\\nb");
}

TEST_CASE("trimmed text has no white space at its ends", "[unit]") {
  CHECK(trimmed(" \t\r\n a b\n") == "a b");
  CHECK(trimmed("a") == "a");
  CHECK(trimmed(" \n").empty());
  CHECK(trimmed("").empty());
}

TEST_CASE("digests are lower-case digits of one number", "[unit]") {
  CHECK(is_lower_hex("09af", 4));
  CHECK(is_lower_hex("", 0));
  CHECK_FALSE(is_lower_hex("09af", 3));
  CHECK_FALSE(is_lower_hex("09AF", 4));
  CHECK_FALSE(is_lower_hex("09ag", 4));
}

TEST_CASE("control characters of foreign text are escaped for a terminal", "[unit]") {
  CHECK(escape_controls("") == "");
  CHECK(escape_controls("plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80") ==
        "plain \xc3\xa9 \xe4\xb8\xad \xf0\x9f\x98\x80");
  CHECK(escape_controls("a\x1b[31mb\x07\x7f") == "a\\x1b[31mb\\x07\\x7f");
  CHECK(escape_controls("a\nb\tc\r") == "a\\nb\\tc\\r");
  CHECK(escape_controls("a\nb\tc\r", "\n\t") == "a\nb\tc\\r");
  CHECK(escape_controls(std::string_view("\0", 1), "\n") == "\\x00");
  CHECK(escape_controls("\xc2\x9b"
                        "2J") == "\\u009b2J");  // CSI, U+009B
  CHECK(escape_controls("\xe2\x80\xae"
                        "abc") == "\\u202eabc");  // RIGHT-TO-LEFT OVERRIDE
  CHECK(escape_controls("x\x9b"
                        "2J\xff") == "x\\x9b2J\\xff");  // not UTF-8
}

TEST_CASE("marks of direction are escaped, and other marks are not", "[unit]") {
  CHECK(escape_controls("a\xe2\x80\x8f"
                        "b\xd8\x9c\xe2\x80\x8e") == "a\\u200fb\\u061c\\u200e");
  CHECK(escape_controls("\xe2\x80\x8d \xcc\x81") == "\xe2\x80\x8d \xcc\x81");  // ZERO WIDTH JOINER, an accent
}

TEST_CASE("foreign text in a message is escaped and cut between characters", "[unit]") {
  CHECK(shown("a\x1b\n") == "a\\x1b\\n");
  CHECK(shown("abcdef", 6) == "abcdef");
  CHECK(shown("abcdefg", 6) == "abcdef...");
  CHECK(shown("abcde\xc3\xa9g", 6) == "abcde...");
  CHECK(shown("abcd\xf0\x9f\x98\x80", 7) == "abcd...");
  CHECK(shown(std::string(1000, '\x80')).size() == 200 * 4 + 3);
  CHECK(shown(std::string(5000, 'x')) == std::string(200, 'x') + "...");
}

TEST_CASE("a long message keeps its beginning and its end", "[unit]") {
  const std::string text = "where\x1b: " + std::string(1'000'000, 'x') + "; do this";
  const std::string message = shown_message(text);
  CHECK(message.size() < 17'000);
  CHECK(message.starts_with("where\\x1b: xxx"));
  CHECK(message.ends_with("xxx; do this"));
  CHECK(message.find(fmt::format("...({} bytes)...", text.size() - (16 << 10))) != std::string::npos);
  CHECK(shown_message("a\nb", "\n") == "a\nb");
}
