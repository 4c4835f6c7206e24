#include "core/strings.h"

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
