// Numbers, cells and tables of the HTML reports; expected values are computed manually.
#include "report/html_page.h"

#include <cmath>

#include "support/test_support.h"

using namespace armorm;
using Catch::Contains;

TEST_CASE("text is escaped for tags and for attributes", "[unit]") {
  CHECK(report::html::escaped("a < b && c > \"d\" 'e'") ==
        "a &lt; b &amp;&amp; c &gt; &quot;d&quot; &#39;e&#39;");
  CHECK(report::html::escaped("&amp;") == "&amp;amp;");
  CHECK(report::html::escaped("").empty());
  CHECK(report::html::escaped("ß – µ") == "ß – µ");
}

TEST_CASE("numbers have fixed decimals, and no negative zero", "[unit]") {
  CHECK(report::html::number(3.14159, 2) == "3.14");
  CHECK(report::html::number(2.0, 3) == "2.000");
  CHECK(report::html::number(-0.004, 2) == "0.00");
  CHECK(report::html::number(-0.0, 0) == "0");
  CHECK(report::html::number(-0.006, 2) == "-0.01");
  CHECK(report::html::number(-10.0, 1) == "-10.0");
  CHECK(report::html::number(NAN, 2) == "–");
  CHECK(report::html::number(INFINITY, 2) == "–");
}

TEST_CASE("trimmed numbers lose their last zeros, but none before the point", "[unit]") {
  CHECK(report::html::trimmed(0.25, 4) == "0.25");
  CHECK(report::html::trimmed(1.0, 4) == "1");
  CHECK(report::html::trimmed(100.0, 2) == "100");
  CHECK(report::html::trimmed(100.0, 0) == "100");
  CHECK(report::html::trimmed(-0.00001, 3) == "0");
  CHECK(report::html::trimmed(NAN, 3) == "–");
}

TEST_CASE("shares are shown in percent, and ranges by both ends", "[unit]") {
  CHECK(report::html::percent(0.8917) == "89.17 %");
  CHECK(report::html::percent(0.5, 0) == "50 %");
  CHECK(report::html::percent(NAN) == "–");
  CHECK(report::html::range(0.1, 0.25, 2) == "0.10 – 0.25");
  CHECK(report::html::range(NAN, 0.25, 2) == "–");
  CHECK(report::html::range(0.1, INFINITY, 2) == "–");
}

TEST_CASE("a page carries its title as text, its style, and a policy against everything else", "[unit]") {
  const std::string page = report::html::page("a < b", "<p>body</p>");
  CHECK_THAT(page, Catch::StartsWith("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"));
  CHECK_THAT(page, Contains("<title>a &lt; b</title><style>"));
  CHECK_THAT(page, Contains("content=\"default-src 'none'; style-src 'unsafe-inline'\""));
  CHECK_THAT(page, Catch::EndsWith("</head>\n<body><main>\n<p>body</p></main></body></html>\n"));
}

TEST_CASE("sections, paragraphs and details wrap what they are given", "[unit]") {
  CHECK(report::html::section("id", "A & B", "<p>x</p>") ==
        "<section id=\"id\"><h2>A &amp; B</h2>\n<p>x</p></section>\n");
  CHECK(report::html::section("id", "empty", "").empty());
  CHECK(report::html::paragraph("1 < 2") == "<p>1 &lt; 2</p>\n");
  CHECK(report::html::paragraph("careful", "warning") == "<p class=\"warning\">careful</p>\n");
  CHECK(report::html::details("<b>s</b>", "body") ==
        "<details><summary><b>s</b></summary>\nbody</details>\n");
  CHECK_THAT(report::html::details("s", "body", true), Catch::StartsWith("<details open>"));
}

TEST_CASE("a bar is as wide as its share, from none to the complete cell", "[unit]") {
  CHECK(report::html::bar_cell("12.5", 0.125).content == "12.5");
  CHECK(report::html::bar_cell("12.5", 0.125).attributes == " class=\"bar\" style=\"--w:12.5%\"");
  CHECK(report::html::bar_cell("", 1.7).attributes == " class=\"bar\" style=\"--w:100.0%\"");
  CHECK(report::html::bar_cell("", -0.3).attributes == " class=\"bar\" style=\"--w:0.0%\"");
  CHECK(report::html::bar_cell("–", NAN).attributes.empty());
}

TEST_CASE("heat is coloured by sign and as strong as the value", "[unit]") {
  CHECK(report::html::heat_cell("x", 0.25).attributes == " class=\"heat\" style=\"--a:0.250\"");
  CHECK(report::html::heat_cell("x", -0.5).attributes == " class=\"heat low\" style=\"--a:0.500\"");
  CHECK(report::html::heat_cell("x", -3.0).attributes == " class=\"heat low\" style=\"--a:1.000\"");
  CHECK(report::html::heat_cell("x", 0.0).attributes == " class=\"zero\"");
  CHECK(report::html::heat_cell("x", NAN).attributes.empty());
}

TEST_CASE("a balance leaves the middle to the right for what is positive", "[unit]") {
  CHECK_THAT(report::html::balance_cell(1.0).content,
             Contains("class=\"high\" style=\"left:50.0%;width:50.0%\""));
  CHECK_THAT(report::html::balance_cell(-0.5).content,
             Contains("class=\"low\" style=\"left:25.0%;width:25.0%\""));
  CHECK_THAT(report::html::balance_cell(-9.0).content, Contains("style=\"left:0.0%;width:50.0%\""));
  CHECK(report::html::balance_cell(NAN).content.empty());
}

TEST_CASE("a track places interval, mark and reference on its scale", "[unit]") {
  const std::string track = report::html::track_cell({-1, 1, -0.5, 0.5, 0.1, 0.0}).content;
  CHECK_THAT(track, Contains("<i class=\"span\" style=\"left:25.0%;width:50.0%\"></i>"));
  CHECK_THAT(track, Contains("<i class=\"dot\" style=\"left:55.0%\"></i>"));
  CHECK_THAT(track, Contains("<i class=\"line\" style=\"left:50.0%\"></i>"));
  // The ends are swapped, and one is off the scale.
  CHECK_THAT(report::html::track_cell({0, 10, 12, 4, 5, 5}).content,
             Contains("<i class=\"span\" style=\"left:40.0%;width:60.0%\"></i>"));
  CHECK(report::html::track_cell({0, 1, NAN, 0.5, NAN, NAN}).content ==
        "<span class=\"track\" aria-hidden=\"true\"></span>");
}

TEST_CASE("a table has a caption, headings of columns and rows, and totals below", "[unit]") {
  report::html::Table table("id", "A & B", {"name", "n", {"text", true}});
  CHECK(table.empty());
  table.add({"first", "1", report::html::text_cell("<x>")}, "sum");
  table.total({"all", "1", ""});
  CHECK_FALSE(table.empty());
  const std::string out = table.str();
  CHECK_THAT(out, Contains("<figcaption id=\"id-caption\">A &amp; B</figcaption>"));
  CHECK_THAT(out, Contains("<table id=\"id\" aria-labelledby=\"id-caption\">"));
  CHECK_THAT(out, Contains("<thead><tr><th scope=\"col\" class=\"text\"><span>name</span></th>"
                           "<th scope=\"col\"><span>n</span></th>"
                           "<th scope=\"col\" class=\"text\"><span>text</span></th></tr></thead>"));
  CHECK_THAT(out, Contains("<tbody>\n<tr class=\"sum\"><th scope=\"row\">first</th><td>1</td>"
                           "<td class=\"text\">&lt;x&gt;</td></tr>\n</tbody>"));
  CHECK_THAT(out, Contains("<tfoot>\n<tr><th scope=\"row\">all</th><td>1</td><td></td></tr>\n</tfoot>"));
  CHECK_THAT(report::html::Table("t", "", {"a"}).upright_headings().str(), Contains(" class=\"upright\""));
  CHECK_THAT(report::html::Table("t", "", {"a"}).wrap_text().str(), Contains(" class=\"wrap\""));
  CHECK_THAT(report::html::Table("t", "", {"a"}).str(), !Contains("<tfoot>"));
}

TEST_CASE("a heat map colours values by the largest of them", "[unit]") {
  const std::string map = report::html::heat_map({"m",
                                                  "caption",
                                                  "corner",
                                                  {"r<1>", "r2"},
                                                  {"c1", "c2"},
                                                  {{"7"}, {"8"}},
                                                  {"n"},
                                                  {1, -2, NAN, 0},
                                                  1,
                                                  true});
  CHECK_THAT(map, Contains("<span>corner</span></th><th scope=\"col\"><span>n</span></th>"
                           "<th scope=\"col\"><span>c1</span></th>"));
  CHECK_THAT(map, Contains("<tr><th scope=\"row\">r&lt;1&gt;</th><td>7</td>"
                           "<td class=\"heat\" style=\"--a:0.500\">1</td>"
                           "<td class=\"heat low\" style=\"--a:1.000\">-2</td></tr>"));
  CHECK_THAT(map,
             Contains("<tr><th scope=\"row\">r2</th><td>8</td><td>–</td><td class=\"zero\">0</td></tr>"));
  const std::string fixed = report::html::heat_map({"m", "", "", {"r"}, {"c"}, {}, {}, {0.5}, 2, false});
  CHECK_THAT(fixed, Contains("<th scope=\"row\">r</th><td class=\"heat\" style=\"--a:1.000\">0.50</td>"));
}
