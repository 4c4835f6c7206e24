// The page of stage2-train as text: escaping, absent parts, balanced elements. tests/e2e/report_page_test.cpp
// checks it in a browser.
#include "report/gate_page.h"

#include <regex>

#include "support/gate_report_example.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::report;
using namespace armorm::test;
using report::GateReport;

namespace {

std::ptrdiff_t count_of(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  return std::distance(std::sregex_iterator(text.begin(), text.end(), expression), std::sregex_iterator());
}

// Checks that elements are closed as often as opened.
void check_balance(const std::string& page) {
  for (const char* tag :
       {"html",  "head",    "body",    "main", "section", "nav",        "ul",     "li",    "a",
        "dl",    "dt",      "dd",      "div",  "figure",  "figcaption", "table",  "thead", "tbody",
        "tfoot", "tr",      "th",      "td",   "span",    "i",          "p",      "h1",    "h2",
        "h3",    "details", "summary", "svg",  "text",    "title",      "circle", "small"}) {
    CAPTURE(tag);
    const std::string name(tag);
    CHECK(count_of(page, "<" + name + "[ >]") == count_of(page, "</" + name + ">"));
  }
}

}  // namespace

TEST_CASE("the page shows every part of a full report", "[unit]") {
  const std::string page = gate_report_page(gate_report_example({}));
  check_balance(page);
  for (const char* part : {"reward-bench", "reward-bench-2", "validation", "evaluation", "length-bias",
                           "by-source", "training", "debiasing", "gate", "examples", "origin"}) {
    CAPTURE(part);
    CHECK(count_of(page, std::string("<section id=\"") + part + "-part\">") == 1);
    CHECK(count_of(page, std::string("href=\"#") + part + "-part\"") == 1);
  }
  CHECK(count_of(page, "<svg class=\"chart\"") == 3);
}

TEST_CASE("the page leaves out what the report lacks", "[unit]") {
  const GateReport full = gate_report_example({});
  const auto check_part = [&full](const char* name, auto GateReport::*part) {
    CAPTURE(name);
    GateReport without = full;
    without.*part = {};
    check_balance(gate_report_page(without));
    GateReport alone;
    alone.*part = full.*part;
    check_balance(gate_report_page(alone));
  };
  check_part("armorm_version", &GateReport::armorm_version);
  check_part("model", &GateReport::model);
  check_part("options", &GateReport::options);
  check_part("attributes", &GateReport::attributes);
  check_part("logit_scale", &GateReport::logit_scale);
  check_part("debiasing", &GateReport::debiasing);
  check_part("pairs", &GateReport::pairs);
  check_part("training", &GateReport::training);
  check_part("validation", &GateReport::validation);
  check_part("gate_usage", &GateReport::gate_usage);
  check_part("gate_by_kind", &GateReport::gate_by_kind);
  check_part("reward_bench", &GateReport::reward_bench);
  check_part("reward_bench_2", &GateReport::reward_bench_2);
  check_part("eval", &GateReport::eval);
  check_part("length_bias", &GateReport::length_bias);
  check_part("by_source", &GateReport::by_source);
  check_part("examples", &GateReport::examples);
  check_part("sources", &GateReport::sources);
  check_part("outputs", &GateReport::outputs);
  const std::string empty = gate_report_page(GateReport{});
  check_balance(empty);
  CHECK(count_of(empty, "<section") == 0);
  GateReport without = full;
  without.reward_bench_2 = {};
  CHECK(count_of(gate_report_page(without), "RewardBench 2") == 0);
}

TEST_CASE("names in the page are text, whatever they hold", "[unit]") {
  const std::string page = gate_report_page(gate_report_example({.attributes = 2, .awkward_names = true}));
  check_balance(page);
  CHECK(count_of(page, "<script") == 0);
  CHECK(count_of(page, "<b>") == 0);
  CHECK_THAT(page, Catch::Contains("attribute-0 &lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;"));
}

TEST_CASE("the page sums the sources beyond the largest two hundred", "[unit]") {
  GateReport report;
  report.attributes = {"a"};
  SetBySource set{"validation", {}};
  WeightsByKind weights{"validation", kBySource, {}};
  for (int i = 0; i < 250; ++i) {
    set.sources.push_back({"source " + std::to_string(i), 4, {{"gate", "gate", 3, {0.25, 1}, 0.5, {}}}});
    weights.kinds.push_back({"source " + std::to_string(i), 4, {1}});
  }
  report.by_source = {set};
  report.gate_by_kind = {weights};
  const std::string page = gate_report_page(report);
  check_balance(page);
  CHECK(count_of(page, ">source \\d+</th>") == 2 * 200);
  CHECK(count_of(page, ">other \\(50 sources\\)</th><td>200</td>") == 2);
  report.by_source.front().sources.front().name = report.gate_by_kind.front().kinds.front().name = "";
  CHECK(count_of(gate_report_page(report), ">\\(no source\\)</th>") == 2);
  // Kinds of another meaning are all shown.
  report.gate_by_kind.front().by = "subset";
  CHECK(count_of(gate_report_page(report), ">source \\d+</th>") == 199 + 249);
}

TEST_CASE("the page needs nothing but itself", "[unit]") {
  const std::string page = gate_report_page(gate_report_example({.attributes = 60, .seeds = 5}));
  CHECK(count_of(page, "<(script|link|img|iframe|object|embed|form|base)[ >]") == 0);
  CHECK(count_of(page, "(src|srcset|action|data|xlink:href)=") == 0);
  CHECK(count_of(page, "href=\"[^#]") == 0);
  CHECK(count_of(page, "url\\(|@import|https?:") == 0);
  CHECK_THAT(page, Catch::Contains("default-src 'none'"));
}

TEST_CASE("several seeds are drawn with their mean and spread", "[unit]") {
  const std::string page = gate_report_page(gate_report_example({.seeds = 5}));
  CHECK_THAT(page, Catch::Contains("training, mean of 5 seeds") && Catch::Contains("standard deviation"));
  CHECK(count_of(page, "<polygon") == 4);  // training and validation loss, accuracy, scale
  CHECK(count_of(page, "class=\"s\\d faint\"") == 20);
  // A single seed has no spread.
  const std::string single = gate_report_page(gate_report_example({}));
  CHECK(count_of(single, "<polygon") == 0);
  CHECK(count_of(single, "faint\"") == 0);
}

TEST_CASE("what was not measured is a dash", "[unit]") {
  const std::string page =
      gate_report_page(gate_report_example({.attributes = 7, .seeds = 3, .unmeasured = true}));
  check_balance(page);
  CHECK(count_of(page, "nan|inf[^o]") == 0);
  CHECK(count_of(page, "<td>–</td>") > 20);
}

TEST_CASE("a run with --compat upstream says so", "[unit]") {
  const std::string page = gate_report_page(gate_report_example({.upstream = true}));
  CHECK_THAT(page, Catch::Contains("--compat upstream") && Catch::Contains("computed without it"));
  CHECK(count_of(gate_report_page(gate_report_example({})), "--compat upstream") == 0);
}
