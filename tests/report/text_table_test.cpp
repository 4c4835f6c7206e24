// Tables for the terminal, laid out manually.
#include "report/text_table.h"

#include "support/test_support.h"

using namespace armorm;
using namespace armorm::report;

TEST_CASE("a text table aligns the first column left and the others right", "[unit]") {
  TextTable table({"name", "n", "share"});
  table.add({"a", "1234", "0.5"});
  table.add({"longer name", "5", "12.25 %"});
  CHECK(table.str() ==
        "name            n    share\n"
        "--------------------------\n"
        "a            1234      0.5\n"
        "longer name     5  12.25 %\n");
}

TEST_CASE("lines of a text table end without blanks, and the rule is as long as the header", "[unit]") {
  TextTable table({"name", "", ""});
  table.add({"", "x", "yy"});
  table.add({"b", "", ""});
  table.add({"", "", ""});
  CHECK(table.str() ==
        "name\n"
        "----\n"
        "      x  yy\n"
        "b\n"
        "\n");
}

TEST_CASE("rows of a text table may be shorter or longer than its header", "[unit]") {
  TextTable table({"a", "b"});
  table.add({"1"});
  table.add({"2", "3", "4"});
  CHECK(table.str() ==
        "a  b\n"
        "----\n"
        "1\n"
        "2  3  4\n");
  CHECK(TextTable({"only"}).str() == "only\n----\n");
}

TEST_CASE("a text table escapes control characters of its cells", "[unit]") {
  TextTable table({"a", "b"});
  table.add({"x\x1b[2J", "\n"});
  CHECK(table.str() ==
        "a          b\n"
        "------------\n"
        "x\\x1b[2J  \\n\n");
}
