// Columns that characters take: values of Unicode's East_Asian_Width, and lines broken manually.
#include "core/display_width.h"

#include "support/test_support.h"

using namespace armorm;
using Lines = std::vector<std::string>;

TEST_CASE("wide characters take two columns, combining ones none", "[unit]") {
  CHECK(display_width("") == 0);
  CHECK(display_width("plain") == 5);
  CHECK(display_width("r\u00e9sum\u00e9") == 6);
  CHECK(display_width("re\u0301sume\u0301") == 6);
  CHECK(display_width("\u65e5\u672c\u8a9e") == 6);
  CHECK(display_width("\uff21b") == 3);
  CHECK(display_width("\U0001f600!") == 3);
  CHECK(display_width("a\u200bb") == 2);
  CHECK(display_width("\u0e01\u0e34") == 1);
}

TEST_CASE("text is cut between characters, and combining ones stay with theirs", "[unit]") {
  CHECK(cut_to_width("plain", 3) == "pla");
  CHECK(cut_to_width("plain", 9) == "plain");
  CHECK(cut_to_width("\u65e5\u672c", 3) == "\u65e5");
  CHECK(cut_to_width("\u65e5\u672c", 1).empty());
  CHECK(cut_to_width("e\u0301e\u0301", 1) == "e\u0301");
  CHECK(cut_to_width("abc", 0).empty());
}

TEST_CASE("padding counts columns", "[unit]") {
  CHECK(padded_right("\u65e5", 4) == "\u65e5  ");
  CHECK(padded_left("e\u0301", 3) == "  e\u0301");
  CHECK(padded_left("long", 2) == "long");
}

TEST_CASE("lines break at spaces, then within names, then anywhere", "[unit]") {
  CHECK(wrapped("", 5) == Lines{""});
  CHECK(wrapped("gate, rewards not debiased", 13) == Lines{"gate, rewards", "not debiased"});
  CHECK(wrapped("best attribute (code-instruction-following)", 16) ==
        Lines{"best attribute", "(code-", "instruction-", "following)"});
  CHECK(wrapped("f(x)", 3) == Lines{"f", "(x)"});
  CHECK(wrapped("abcdefgh", 3) == Lines{"abc", "def", "gh"});
  CHECK(wrapped("\u65e5\u672c\u8a9e", 5) == Lines{"\u65e5\u672c", "\u8a9e"});
  CHECK(wrapped("\u65e5\u672c", 1) == Lines{"\u65e5", "\u672c"});
  CHECK(widest_piece("best attribute (code-instruction-following)") == 12);
  for (std::size_t width = 1; width < 30; ++width)
    for (const std::string& line : wrapped("uno dos-tres_cuatro/cinco, (seis) sieteochonueve", width))
      CHECK(display_width(line) <= width);
}

TEST_CASE("prose keeps its words", "[unit]") {
  CHECK(wrapped_words("a bb ccc", 4, 2) == "a bb\n  ccc");
  CHECK(wrapped_words("file       /a/very/long/path of it", 14, 11) ==
        "file       /a/very/long/path\n           of\n           it");
  CHECK(wrapped_words("fits", 10, 2) == "fits");
}
