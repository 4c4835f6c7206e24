#include "report/sum_chart.h"

#include <algorithm>
#include <cmath>
#include <regex>

#include "support/test_support.h"

using namespace armorm::report::html;
using Catch::Contains;

namespace {

struct Bar {
  bool less;
  double left, right;
};

// The bars of a series, in the order of the rows.
std::vector<Bar> bars(const std::string& svg, int colour) {
  const std::regex rect("<rect class=\"f" + std::to_string(colour) +
                        "( less)?\" x=\"([-0-9.]+)\" y=\"[-0-9.]+\" width=\"([0-9.]+)\"");
  std::vector<Bar> out;
  for (std::sregex_iterator it(svg.begin(), svg.end(), rect), end; it != end; ++it) {
    const double x = std::stod((*it)[2]);
    out.push_back({(*it)[1].matched, x, x + std::stod((*it)[3])});
  }
  return out;
}

SumChart chart() {
  return {"Sums",
          {"a", "b", "c"},
          "score",
          {{"chosen", {0.5, -0.2, 0.3}, 0.6}, {"rejected", {-0.1, 0.4, 0.0}, 0.3}},
          0};
}

}  // namespace

TEST_CASE("each bar begins where the one before ended, and the last one is the sum", "[unit]") {
  const std::string svg = sum_chart(chart());
  for (const int series : {0, 1}) {
    const std::vector<Bar> drawn = bars(svg, series);
    REQUIRE(drawn.size() == 4);
    double zero = drawn[3].left;
    double at = zero;
    for (std::size_t row = 0; row < 3; ++row) {
      const double value = chart().series[static_cast<std::size_t>(series)].values[row];
      CHECK(drawn[row].less == (value < 0));
      CHECK(std::abs((value < 0 ? drawn[row].right : drawn[row].left) - at) < 0.5);
      at = value < 0 ? drawn[row].left : drawn[row].right;
    }
    CHECK(std::abs(at - drawn[3].right) < 0.6);
    // From the lowest sum, -0.1, to the highest, 0.6: 324 units of the view box.
    const double unit = 324.0 / 0.7;
    for (std::size_t row = 0; row < 3; ++row) {
      const double value = chart().series[static_cast<std::size_t>(series)].values[row];
      CHECK(std::abs(drawn[row].right - drawn[row].left - std::max(unit * std::abs(value), 0.4)) < 0.11);
    }
  }
}

TEST_CASE("a chart names its rows and totals, and escapes them", "[unit]") {
  SumChart names = chart();
  names.rows[0] = "<b>&";
  names.rows[1] = std::string(60, 'w');
  const std::string svg = sum_chart(names);
  CHECK_THAT(svg, Contains("aria-label=\"Sums. chosen: score 0.6000. rejected: score 0.3000.\"") &&
                      Contains("&lt;b&gt;&amp;</text>") && Contains("+0.5000 | -0.1000") &&
                      Contains(std::string(38, 'w') + "…"));
}

TEST_CASE("a chart without rows, or with a value that is not finite, is not drawn", "[unit]") {
  CHECK(sum_chart({}).empty());
  SumChart unmeasured = chart();
  unmeasured.series[0].values[1] = NAN;
  CHECK(sum_chart(unmeasured).empty());
  SumChart zeros = chart();
  for (SumSeries& s : zeros.series) s = {s.name, {0, 0, 0}, 0};
  CHECK(sum_chart(zeros).find("nan") == std::string::npos);
  CHECK(sum_chart(zeros).find("inf") == std::string::npos);
}
