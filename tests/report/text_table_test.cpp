// Tables for the terminal, laid out manually.
#include "report/text_table.h"

#include <sstream>

#include "core/display_width.h"
#include "data/attributes.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::report;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::size_t widest(const std::string& text) {
  std::size_t width = 0;
  for (const std::string& line : lines_of(text)) width = std::max(width, display_width(line));
  return width;
}

}  // namespace

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

TEST_CASE("wide and combining characters keep the columns of a text table aligned", "[unit]") {
  TextTable table({"name", "n"});
  table.add({"\u65e5\u672c\u8a9e", "1"});
  table.add({"re\u0301sume\u0301", "22"});
  CHECK(table.str() ==
        "name     n\n"
        "----------\n"
        "\u65e5\u672c\u8a9e   1\n"
        "re\u0301sume\u0301  22\n");
}

TEST_CASE("headers of a table that is too wide have several lines", "[unit]") {
  TextTable table({"scored by", "chosen longer (147)", "margin ~ length"});
  table.add({"gate", "83.7", "-0.057"});
  CHECK(table.str({40, false}) ==
        "           chosen longer        margin ~\n"
        "scored by          (147)          length\n"
        "----------------------------------------\n"
        "gate                83.7          -0.057\n");
  CHECK(table.str({24, false}) ==
        "         chosen   margin\n"
        "scored   longer        ~\n"
        "by        (147)   length\n"
        "------------------------\n"
        "gate       83.7   -0.057\n");
}

TEST_CASE("names of a table that is too wide are shortened, with a legend", "[unit]") {
  TextTable table({"attribute", "n", "R2"});
  table.add({"ultrafeedback-instruction_following", "1234", "0.5"});
  table.add({"code-style", "5", "0.25"});
  CHECK(table.str({30, false}) ==
        "attribute              n    R2\n"
        "------------------------------\n"
        "ultr.-inst._follo.  1234   0.5\n"
        "code-style             5  0.25\n"
        "ultr.-inst._follo. =\n"
        "  ultrafeedback-instruction_\n"
        "  following\n");
}

TEST_CASE("figures that no line holds come in several parts", "[unit]") {
  TextTable table({"name", "first", "second", "third"});
  table.add({"a", "1111111111", "2222222222", "3333333333"});
  CHECK(table.str({30, false}) ==
        "name       first      second\n"
        "----------------------------\n"
        "a     1111111111  2222222222\n"
        "\n"
        "name       third\n"
        "----------------\n"
        "a     3333333333\n");
}

TEST_CASE("a column of text breaks into lines", "[unit]") {
  TextTable table({"set", "n", "left out"});
  table.text_column(2);
  table.add({"a", "1", "12 for the language, 3 for the length"});
  CHECK(table.str({32, false}) ==
        "set  n  left out\n"
        "----------------\n"
        "a    1  12 for the language, 3\n"
        "        for the length\n");
}

TEST_CASE("no line of a table is wider than asked for", "[unit]") {
  for (const std::size_t figures : {std::size_t{1}, std::size_t{5}, std::size_t{12}}) {
    std::vector<std::string> header{"attribute"}, cells(figures, "12345.6789 [1, 2]");
    for (std::size_t i = 0; i < figures; ++i) header.push_back("the figure number " + std::to_string(i));
    TextTable table(header);
    std::vector<std::string> names = default_attributes();
    names.insert(names.end(), {std::string(150, 'x'), std::string(150, 'x') + "y", "\u65e5\u672c\u8a9e",
                               "e\u0301" + std::string(90, 'o')});
    for (const std::string& name : names) {
      std::vector<std::string> row{name};
      row.insert(row.end(), cells.begin(), cells.end());
      table.add(row);
    }
    for (const std::size_t columns : {std::size_t{60}, std::size_t{80}, std::size_t{100}}) {
      const std::string text = table.str({columns, false});
      CHECK(widest(text) <= columns);
      CHECK_THAT(text, Catch::Contains("12345.6789 [1, 2]"));
    }
  }
}
