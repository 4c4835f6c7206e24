// Line charts: ticks, positions in the view box, and texts for screen readers; expected values are computed
// manually. The plot area is between (48, 24) and (328, 174).
#include "report/html_chart.h"

#include <cmath>

#include "support/test_support.h"

using namespace armorm;
using Catch::Contains;
using report::html::Chart;

namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

Chart chart_of(std::vector<report::html::Series> series) {
  Chart chart;
  chart.title = "title";
  chart.x = "step";
  chart.y = "loss";
  chart.series = std::move(series);
  return chart;
}

void check_ticks(double low, double high, int most, const std::vector<double>& expected) {
  const std::vector<double> ticks = report::html::round_ticks(low, high, most);
  CAPTURE(low, high, most, ticks);
  REQUIRE(ticks.size() == expected.size());
  for (std::size_t i = 0; i < ticks.size(); ++i) CHECK(ticks[i] == Approx(expected[i]).margin(1e-12));
}

}  // namespace

TEST_CASE("ticks are multiples of 1, 2 or 5 times a power of ten", "[unit]") {
  check_ticks(0, 10, 5, {0, 2, 4, 6, 8, 10});
  check_ticks(0, 7, 5, {0, 2, 4, 6});
  check_ticks(0, 30, 5, {0, 10, 20, 30});
  check_ticks(0, 4, 4, {0, 1, 2, 3, 4});
  check_ticks(-1, 1, 4, {-1, -0.5, 0, 0.5, 1});
  check_ticks(0.13, 0.87, 4, {0.2, 0.4, 0.6, 0.8});
  check_ticks(0, 0.3, 3, {0, 0.1, 0.2, 0.3});  // the last one although 3 * 0.1 > 0.3
  check_ticks(1e7, 3e7, 4, {1e7, 1.5e7, 2e7, 2.5e7, 3e7});
}

TEST_CASE("a line goes from corner to corner of the box", "[unit]") {
  const std::string svg = report::html::line_chart(chart_of({{"s", {{0, 0}, {5, 25}, {10, 100}}, 2, false}}));
  CHECK_THAT(svg, Catch::StartsWith("<svg class=\"chart\" viewBox=\"0 0 340 212\" role=\"img\""));
  // Loss from 0 at the bottom to 100 at the top: a quarter of 150 above 174.
  CHECK_THAT(svg, Contains("<path class=\"s2\" d=\"M48.0,174.0L188.0,136.5L328.0,24.0\"/>"));
  CHECK_THAT(svg, Contains("<circle class=\"f2\" cx=\"188.0\" cy=\"136.5\" r=\"2.5\">"
                           "<title>s, step 5: 25</title></circle>"));
  CHECK_THAT(svg, Contains("aria-label=\"title. s from 0 at step 0 to 100 at 10; lowest 0 at 0, highest 100 "
                           "at 10.\""));
  // At most four intervals of loss and five of steps: 0, 50, 100 and 0, 2, ..., 10.
  for (const char* tick : {"<text x=\"42.0\" y=\"178.0\" text-anchor=\"end\">0</text>",
                           "<text x=\"42.0\" y=\"103.0\" text-anchor=\"end\">50</text>",
                           "<text x=\"42.0\" y=\"28.0\" text-anchor=\"end\">100</text>",
                           "<text x=\"104.0\" y=\"190.0\" text-anchor=\"middle\">2</text>",
                           "<text x=\"328.0\" y=\"190.0\" text-anchor=\"middle\">10</text>"})
    CHECK_THAT(svg, Contains(tick));
  CHECK(count_of(svg, "<line class=\"grid\"") == 9);
}

TEST_CASE("the loss axis ends at round numbers", "[unit]") {
  // From 1.3 to 4.9 in steps of 1: the axis covers 1 to 5.
  const std::string svg = report::html::line_chart(chart_of({{"", {{0, 1.3}, {1, 4.9}}, 0, false}}));
  CHECK_THAT(svg, Contains("d=\"M48.0,162.8L328.0,27.8\""));  // 174 - 0.3 / 4 * 150 = 162.75
  CHECK_THAT(svg, Contains("<title>step 0: 1.3</title>"));    // a series without a name
  CHECK_THAT(svg, Contains("title. loss from 1.3 at step 0 to 4.9 at 1;"));
}

TEST_CASE("a value that is not finite interrupts the line and has no dot", "[unit]") {
  const std::string svg =
      report::html::line_chart(chart_of({{"", {{0, 0}, {5, NAN}, {8, INFINITY}, {10, 100}}, 0, false}}));
  CHECK_THAT(svg, Contains("d=\"M48.0,174.0M328.0,24.0\""));
  CHECK(count_of(svg, "<circle") == 2);
  CHECK_THAT(svg, !Contains("nan") && !Contains("inf"));
}

TEST_CASE("a constant line runs through the middle", "[unit]") {
  const std::string svg = report::html::line_chart(chart_of({{"", {{0, 2}, {1, 2}}, 0, false}}));
  CHECK_THAT(svg, Contains("d=\"M48.0,99.0L328.0,99.0\""));
  const std::string zero = report::html::line_chart(chart_of({{"", {{3, 0}, {4, 0}}, 0, false}}));
  CHECK_THAT(zero, Contains("d=\"M48.0,99.0L328.0,99.0\""));
  // A single point lies in the middle too, in both directions.
  CHECK_THAT(report::html::line_chart(chart_of({{"", {{7, 2}}, 0, false}})),
             Contains("cx=\"188.0\" cy=\"99.0\""));
}

TEST_CASE("a chart without a finite point is no chart", "[unit]") {
  CHECK(report::html::line_chart(chart_of({})).empty());
  CHECK(report::html::line_chart(chart_of({{"s", {}, 0, false}})).empty());
  CHECK(report::html::line_chart(chart_of({{"s", {{1, NAN}, {NAN, 1}}, 0, false}})).empty());
}

TEST_CASE("faint series are drawn without dots and words", "[unit]") {
  const std::string svg = report::html::line_chart(
      chart_of({{"", {{0, 0}, {1, 1}}, 1, true}, {"mean", {{0, 1}, {1, 0}}, 1, false}}));
  CHECK_THAT(svg, Contains("<path class=\"s1 faint\" d=\"M48.0,174.0L328.0,24.0\"/>"));
  CHECK(count_of(svg, "<circle") == 2);
  CHECK_THAT(
      svg, Contains("aria-label=\"title. mean from 1 at step 0 to 0 at 1; lowest 0 at 1, highest 1 at 0.\""));
}

TEST_CASE("more dots than can be told apart are drawn where they are pointed at", "[unit]") {
  report::html::Series series{"", {}, 3, false};
  for (int i = 0; i <= 40; ++i) series.points.push_back({static_cast<double>(i), 1.0 * i});
  const std::string many = report::html::line_chart(chart_of({series}));
  CHECK(count_of(many, "<circle class=\"f3 hover\"") == 41);
  CHECK(count_of(many, "r=\"5\"") == 41);
  series.points.pop_back();
  CHECK(count_of(report::html::line_chart(chart_of({series})), "<circle class=\"f3\"") == 40);
}

TEST_CASE("a band is closed along its upper curve backwards", "[unit]") {
  Chart chart = chart_of({});
  chart.bands.push_back({{{0, 0}, {10, 50}}, {{0, 50}, {10, 100}}, 1});
  CHECK_THAT(report::html::line_chart(chart),
             Contains("<polygon class=\"f1\" points=\"48.0,174.0 328.0,99.0 328.0,24.0 48.0,99.0 \"/>"));
}

TEST_CASE("marked points are larger, and inside the box", "[unit]") {
  Chart chart = chart_of({{"", {{0, 0}, {10, 50}}, 0, false}});
  chart.marked = {{5, 100}, {2, NAN}};
  const std::string svg = report::html::line_chart(chart);
  CHECK(count_of(svg, "f0 marked") == 1);
  CHECK_THAT(svg, Contains("<circle class=\"f0 marked\" cx=\"188.0\" cy=\"24.0\" r=\"5\"></circle>"));
  CHECK_THAT(svg, Contains("d=\"M48.0,174.0L328.0,99.0\""));  // the axis reaches up to the marked point
}

TEST_CASE("a chart with a diagonal has one scale for both axes", "[unit]") {
  Chart chart = chart_of({{"", {{0, 1}, {4, 2}}, 0, false}});
  chart.diagonal = true;
  const std::string svg = report::html::line_chart(chart);
  CHECK_THAT(svg, Contains("<line class=\"reference\" x1=\"48\" y1=\"174\" x2=\"328\" y2=\"24\"/>"));
  CHECK_THAT(svg, Contains("d=\"M48.0,136.5L328.0,99.0\""));
  CHECK_THAT(report::html::line_chart(chart_of({{"", {{0, 1}, {4, 2}}, 0, false}})), !Contains("reference"));
}

TEST_CASE("titles and names of axes are text", "[unit]") {
  Chart chart = chart_of({{"<s>", {{0, 0}, {1, 1}}, 0, false}});
  chart.title = "\"t\"";
  chart.x = "<x>";
  chart.y = "a & b";
  const std::string svg = report::html::line_chart(chart);
  CHECK_THAT(svg, Contains("&quot;t&quot;. &lt;s&gt; from 0 at &lt;x&gt; 0") &&
                      Contains(">a &amp; b</text>") && Contains("<title>&lt;s&gt;, &lt;x&gt; 1: 1</title>"));
  CHECK_THAT(svg, !Contains("<s>") && !Contains("<x>"));
}

TEST_CASE("the legend lists the named series, where there are several", "[unit]") {
  const Chart chart = chart_of({{"", {}, 0, true}, {"a & b", {}, 0, false}, {"c", {}, 3, false}});
  const std::string legend = report::html::legend(chart);
  CHECK(count_of(legend, "<li>") == 2);
  CHECK_THAT(legend, Catch::StartsWith("<ul class=\"legend\"><li>") && Contains("</svg>a &amp; b</li>") &&
                         Contains("<line class=\"s3\" x1=\"0\" x2=\"26\" y1=\"4\" y2=\"4\"/></svg>c</li>"));
  CHECK(report::html::legend(chart_of({{"", {}, 0, true}, {"only", {}, 0, false}})).empty());
  CHECK(report::html::legend(chart_of({})).empty());
}
