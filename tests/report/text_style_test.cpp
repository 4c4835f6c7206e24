// Bars, in Unicode and in ASCII.
#include "report/text_style.h"

#include <cmath>

#include "support/test_support.h"

using namespace armorm::report;

TEST_CASE("a bar is as long as its fraction", "[unit]") {
  const TextStyle ascii;
  CHECK(bar(0, 8, ascii).empty());
  CHECK(bar(0.5, 8, ascii) == "####");
  CHECK(bar(1, 8, ascii) == "########");
  CHECK(bar(7, 8, ascii) == "########");
  CHECK(bar(-1, 8, ascii).empty());
  CHECK(bar(std::nan(""), 8, ascii).empty());
}

TEST_CASE("a bar of Unicode has eighths of columns", "[unit]") {
  const TextStyle unicode{100, true};
  CHECK(bar(0.5, 4, unicode) == "\u2588\u2588");
  CHECK(bar(1, 2, unicode) == "\u2588\u2588");
  CHECK(bar(1.0 / 16, 2, unicode) == "\u258f");
  CHECK(bar(3.0 / 4, 2, unicode) == "\u2588\u258c");
  CHECK(bar(std::nan(""), 8, unicode).empty());
}
