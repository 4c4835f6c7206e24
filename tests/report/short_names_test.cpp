// Abbreviations: short enough, different, and made from the name.
#include "report/short_names.h"

#include <set>

#include "core/display_width.h"
#include "data/attributes.h"
#include "support/test_support.h"

using namespace armorm;
using report::short_names;
using Names = std::vector<std::string>;

TEST_CASE("names that fit stay as they are", "[unit]") {
  CHECK(short_names({"helpsteer-verbosity", "x"}, 19) == Names{"helpsteer-verbosity", "x"});
  CHECK(short_names({}, 10).empty());
}

TEST_CASE("the longest words of a name are shortened", "[unit]") {
  CHECK(short_names({"ultrafeedback-honesty"}, 20) == Names{"ultrafeedba.-honesty"});
  CHECK(short_names({"ultrafeedback-honesty"}, 16) == Names{"ultrafe.-honesty"});
  CHECK(short_names({"code-instruction-following"}, 20) == Names{"code-instru.-follow."});
  CHECK(short_names({"best attribute (code-instruction-following)"}, 30) ==
        Names{"best attr. (code-inst.-follo.)"});
}

TEST_CASE("a name whose words cannot be shortened is cut", "[unit]") {
  CHECK(short_names({"a b c d e f g h i j"}, 9) == Names{"a b c d e"});
  CHECK(short_names({std::string(60, 'x')}, 10) == Names{std::string(9, 'x') + "."});
  CHECK(short_names({"\u65e5\u672c\u8a9e\u65e5\u672c\u8a9e\u65e5"}, 10) ==
        Names{"\u65e5\u672c\u8a9e\u65e5."});
}

TEST_CASE("different names have different abbreviations, and no other one's name", "[unit]") {
  const std::string stem(40, 'x');
  const Names names{stem + "a", stem + "b", stem + "a", stem + "c", std::string(9, 'x') + "."};
  CHECK(short_names(names, 10) == Names{std::string(8, 'x') + "~2", std::string(8, 'x') + "~3",
                                        std::string(8, 'x') + "~2", std::string(8, 'x') + "~4", names[4]});
}

TEST_CASE("the published attributes stay different at every width", "[unit]") {
  const std::vector<std::string>& names = default_attributes();
  for (std::size_t most = 8; most <= 40; ++most) {
    const Names shorter = short_names(names, most);
    CHECK(std::set<std::string>(shorter.begin(), shorter.end()).size() == names.size());
    for (const std::string& name : shorter) CHECK(display_width(name) <= most);
  }
}
