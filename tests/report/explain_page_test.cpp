// The page of score --explain as text; tests/e2e/explain_test.cpp checks it in a browser.
#include "report/explain_page.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>

#include "armorm/attributes.h"
#include "report/attribute_meaning.h"
#include "support/explained_pair.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::report;
using namespace armorm::test;
using Catch::Contains;
using nlohmann::json;

namespace {

ExplainReport report_of(std::vector<ExamplePair> pairs, std::size_t k) {
  ExplainReport report;
  report.armorm_version = "1.2.3";
  report.model = "my <model>";
  report.dataset = "pairs.jsonl, split train";
  report.attributes = attribute_names(k);
  report.pairs = std::ssize(pairs);
  report.shown = std::move(pairs);
  return report;
}

std::ptrdiff_t count_of(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  return std::distance(std::sregex_iterator(text.begin(), text.end(), expression), std::sregex_iterator());
}

// Elements are closed as often as opened, and nothing is loaded or run.
void check_page(const std::string& page) {
  for (const char* tag :
       {"main", "section", "div",  "figure", "figcaption", "table", "thead", "tbody",   "tr",
        "th",   "td",      "span", "i",      "p",          "h4",    "bdi",   "details", "summary",
        "svg",  "text",    "rect", "small",  "dl",         "dt",    "dd"}) {
    CAPTURE(tag);
    const std::string name(tag);
    CHECK(count_of(page, "<" + name + "[ >]") == count_of(page, "</" + name + ">"));
  }
  CHECK(count_of(page, "<(script|link|img|iframe|object|embed|base|form|a)[ >]") == 0);
  CHECK(count_of(page, "<[^>]*(src|href|action|srcset|poster|background)=") == 0);
  CHECK(count_of(page, "url\\(|@import") == 0);
  CHECK(count_of(page, "<[^>]*\\son[a-z]+=") == 0);
  CHECK_THAT(page, Contains("default-src 'none'"));
}

}  // namespace

TEST_CASE("the page of hostile and long texts loads nothing and is balanced", "[unit]") {
  ExamplePair hostile = explained_pair(3);
  hostile.subset = "<sub&set>";
  hostile.texts = PairTexts{{{"user", hostile_text()}},
                            {{"<system>", hostile_text()}},
                            {{{"assistant", hostile_text()}}, {{"assistant", ""}}}};
  ExamplePair large = explained_pair(3);
  large.texts->answer.chosen.front().text = std::string(2000, '<');
  const std::string page = explain_page(report_of({hostile, large, explained_pair(3)}, 3));
  check_page(page);
  CHECK_THAT(page, Contains("&lt;/details&gt;&lt;script&gt;alert(&#39;x&#39;)") &&
                       Contains("Prompt of the rejected answer") && Contains("my &lt;model&gt;") &&
                       Contains("https://example.com/?a=1&amp;b=2"));
}

TEST_CASE("numbers of the page add up to the scores", "[unit]") {
  const ExamplePair pair = explained_pair(19);
  const std::string page = explain_page(report_of({pair}, 19));
  const std::regex row(
      "<th scope=\"row\">attribute-[0-9]+</th><td><span.*?</span></td><td>([-0-9.]+)</td>"
      "<td[^>]*>([-0-9.]+)</td><td[^>]*>([-0-9.]+)</td><td[^>]*>([-0-9.]+)</td>");
  double difference = 0.0, chosen = 0.0, rejected = 0.0;
  int rows = 0;
  for (std::sregex_iterator it(page.begin(), page.end(), row), end; it != end; ++it, ++rows) {
    difference += std::stod((*it)[1]);
    chosen += std::stod((*it)[3]);
    rejected += std::stod((*it)[4]);
  }
  CHECK(rows == 19);
  CHECK(std::abs(chosen - pair.score.chosen) < 19 * 0.5e-4);
  CHECK(std::abs(rejected - pair.score.rejected) < 19 * 0.5e-4);
  CHECK(std::abs(difference - pair.margin) < 19 * 0.5e-4);
}

TEST_CASE("the page says what would flip a pair, or that nothing does", "[unit]") {
  ExamplePair pair = explained_pair(2);
  pair.margin = 0.1;
  pair.flip = FlipFigures{true, 0.125, {-0.125, 0.125}};
  CHECK_THAT(explain_page(report_of({pair}, 2)),
             Contains("If 12.50 % of the gate&#39;s weight moved to attribute-1") &&
                 Contains("the rejected answer would have the higher one") && Contains("<td>-12.50</td>") &&
                 Contains("<td>50.00 %</td><td>37.50 %</td>"));
  pair.margin = -0.1;
  CHECK_THAT(explain_page(report_of({pair}, 2)), Contains("the chosen answer would have the higher one"));
  pair.flip = FlipFigures{false, 0.0, {}};
  CHECK_THAT(explain_page(report_of({pair}, 2)),
             Contains("No weights take the lead from the rejected answer"));
  pair.prompts_differ = true;
  CHECK_THAT(explain_page(report_of({pair}, 2)), Contains("No common change of the two prompts"));
  pair.flip = FlipFigures{true, 0.0, {0.0, 0.0}};
  CHECK_THAT(explain_page(report_of({pair}, 2)), Contains("Nothing has to change"));
}

TEST_CASE("the page lists the nearest training prompts, and how many pairs it leaves out", "[unit]") {
  ExamplePair pair = explained_pair(2);
  pair.answers = {2, 0};
  pair.nearest = {{41, 0.015, {0.75, 0.25}}, {5, 0.5, {0.25, 0.75}}};
  ExplainReport report = report_of({pair}, 2);
  report.pairs = 3;
  report.right = 2;
  report.failed = 4;
  const std::string page = explain_page(report);
  check_page(page);
  CHECK_THAT(page, Contains("attribute-0 75.0 %, attribute-1 25.0 %") && Contains("<td>1.50 %</td>") &&
                       Contains("the first 1 of 3 pairs") && Contains("66.7 %") && Contains("2 of 3 pairs") &&
                       Contains("4 more could not be scored") && Contains("Chosen answer (3 of the row)"));
}

TEST_CASE("a line has the numbers of the page by name", "[unit]") {
  ExamplePair pair = explained_pair(2);
  pair.flip = FlipFigures{true, 0.125, {-0.125, 0.125}};
  pair.nearest = {{41, 0.015, {0.75, 0.25}}};
  const json line = json::parse(explain_line(pair, attribute_names(2)));
  CHECK(line["row_id"] == 7);
  CHECK(line["preferred"] == (pair.margin > 0 ? "chosen" : "rejected"));
  CHECK(line["margin"] == pair.margin);
  CHECK(line["score"]["rejected"] == pair.score.rejected);
  CHECK(line["contributions"]["chosen"]["attribute-1"] == pair.contribution.chosen[1]);
  CHECK(line["debiased"]["rejected"]["attribute-0"] == pair.debiased.rejected[0]);
  CHECK(line["flip"] == json{{"possible", true},
                             {"moved", 0.125},
                             {"change", {{"attribute-0", -0.125}, {"attribute-1", 0.125}}}});
  CHECK(line["nearest"][0] == json{{"row_id", 41}, {"moved", 0.015}});
  CHECK_FALSE(line.contains("texts"));
  CHECK(json::parse(failed_line(3, "bad \xff")) == json{{"row_id", 3}, {"error", "bad \xef\xbf\xbd"}});
}

TEST_CASE("each published attribute has a meaning and a range", "[unit]") {
  for (const std::string& name : default_attributes()) {
    CAPTURE(name);
    const AttributeMeaning* meaning = meaning_of(name);
    REQUIRE(meaning != nullptr);
    CHECK_FALSE(meaning->meaning.empty());
    CHECK_FALSE(meaning->rating.empty());
    CHECK_FALSE(meaning->label.empty());
  }
  CHECK(meaning_of("my-attribute") == nullptr);
  CHECK(meanings_table({"my-attribute"}).empty());
  CHECK_THAT(meanings_table({"code-style", "my-<attribute>"}),
             Contains("my-&lt;attribute&gt;") && Contains("verified for HelpSteer and BeaverTails only"));
}
