#include "report/ridge_report.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "support/test_support.h"

namespace armorm::report {
namespace {

RidgeReport example() {
  RidgeReport report;
  report.title = "a & b";
  report.attributes = {"<help>", "none"};
  report.result.alphas = {0.1, 1.0, 10.0};
  linear::AttributeFit fit;
  fit.n_train = 80;
  fit.n_validation = 20;
  fit.best_alpha = 1.0;
  fit.best_index = 1;
  fit.loss = {3.0, 1.0, 2.0};
  fit.validation_mse = 1.0;
  fit.r_squared = 0.5;
  fit.spearman = 0.25;
  fit.spearman_interval = {0.125, 0.375};
  fit.calibration = {{10, -1.0, -0.5}, {10, 1.0, 0.75}};
  linear::AttributeFit none;
  none.status = linear::AttributeStatus::no_labels;
  report.result.attributes = {fit, none};
  report.correlations = {1.0, stats::kNotMeasured, stats::kNotMeasured, stats::kNotMeasured};
  return report;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_CASE("the JSON report holds every figure, and null for what was not measured", "[unit]") {
  const nlohmann::json json = nlohmann::json::parse(to_json(example()).dump());
  CHECK(json.at("title") == "a & b");
  CHECK(json.at("alphas") == std::vector<double>{0.1, 1.0, 10.0});
  const auto& fit = json.at("attributes").at(0);
  CHECK(fit.at("name") == "<help>");
  CHECK(fit.at("status") == "fitted");
  CHECK(fit.at("n_train") == 80);
  CHECK(fit.at("best_alpha") == 1.0);
  CHECK(fit.at("loss") == std::vector<double>{3.0, 1.0, 2.0});
  CHECK(fit.at("spearman") == 0.25);
  CHECK(fit.at("spearman_interval") == std::vector<double>{0.125, 0.375});
  CHECK(fit.at("r_squared_interval").is_null());
  CHECK(fit.at("calibration").at(1).at("mean_label") == 0.75);
  const auto& none = json.at("attributes").at(1);
  CHECK(none.at("status") == "no labels");
  CHECK(none.at("best_alpha").is_null());
  CHECK(none.at("r_squared").is_null());
  CHECK(json.at("correlations").at(0).at(0) == 1.0);
  CHECK(json.at("correlations").at(0).at(1).is_null());
}

TEST_CASE("the JSON report says what was fitted and how, where that is known", "[unit]") {
  RidgeReport report = example();
  CHECK_FALSE(to_json(report).contains("dataset"));
  report.run = {"0.9", "decoder", "labels", 100,  8,  3, "kfold", "row",
                "",    true,      false,    true, 50, 5, "prompt"};
  const auto json = to_json(report);
  CHECK(json.at("armorm_version") == "0.9");
  CHECK(json.at("model") == "decoder");
  CHECK(json.at("dataset") == "labels");
  CHECK(json.at("rows") == 100);
  CHECK(json.at("hidden_size") == 8);
  CHECK(json.at("seed") == 3);
  CHECK(json.at("cv") == "kfold");
  CHECK(json.at("split_by") == "row");
  CHECK(json.at("weight_column") == "");
  CHECK(json.at("standardize") == true);
  CHECK(json.at("fit_intercept") == false);
  CHECK(json.at("refit") == true);
  CHECK(json.at("bootstrap") == 50);
  CHECK(json.at("n_folds") == 5);
  CHECK(json.at("bootstrap_unit") == "prompt");
  report.run->n_folds.reset();
  report.run->bootstrap_unit.clear();
  CHECK_FALSE(to_json(report).contains("n_folds"));
  CHECK_FALSE(to_json(report).contains("bootstrap_unit"));
}

TEST_CASE("a JSON report is read back for its tables", "[unit]") {
  const RidgeReport read = parse_ridge_report(nlohmann::json::parse(to_json(example()).dump()));
  CHECK(read.attributes == example().attributes);
  REQUIRE(read.result.attributes.size() == 2);
  const linear::AttributeFit& fit = read.result.attributes[0];
  CHECK(fit.n_train == 80);
  CHECK(fit.n_validation == 20);
  CHECK(fit.best_alpha == 1.0);
  CHECK(fit.validation_mse == 1.0);
  CHECK(fit.r_squared == 0.5);
  CHECK(fit.spearman == 0.25);
  CHECK(std::isnan(read.result.attributes[1].best_alpha));
  CHECK(std::isnan(read.result.attributes[1].spearman));
}

TEST_CASE("a JSON report that lacks everything is read as one without attributes", "[unit]") {
  for (const char* text : {"{}", "[]", "3", R"({"attributes": {"a": 1}})", R"({"attributes": null})"})
    CHECK(parse_ridge_report(nlohmann::json::parse(text)).attributes.empty());
  const RidgeReport odd = parse_ridge_report(nlohmann::json::parse(R"({"attributes": [{"name": 7}, null]})"));
  CHECK(odd.attributes == std::vector<std::string>{"", ""});
  CHECK(odd.result.attributes[0].n_train == 0);
  CHECK(std::isnan(odd.result.attributes[1].r_squared));
}

TEST_CASE("the HTML report escapes names and draws the curves of fitted attributes", "[unit]") {
  const std::string html = ridge_report_html(example());
  CHECK_THAT(html,
             Catch::Contains("&lt;help&gt;") && Catch::Contains("a &amp; b") && Catch::Contains("no labels"));
  CHECK(count_of(html, "<help>") == 0);
  CHECK(count_of(html, "<script") == 0);
  CHECK(count_of(html, "<figure>") == 1);
  CHECK(count_of(html, "<svg class=\"chart\"") == 2);
  // The plot area is between (48, 24) and (328, 174). Losses 3, 1, 2 over three alphas: top left, bottom
  // middle, half way up at the right; the best point is larger.
  CHECK_THAT(html, Catch::Contains("d=\"M48.0,24.0L188.0,174.0L328.0,99.0\""));
  CHECK_THAT(html, Catch::Contains("marked\" cx=\"188.0\" cy=\"174.0\""));
  // The ends of the axes: log10 alpha from -1 to 1, loss from 1 to 3.
  CHECK_THAT(html, Catch::Contains(">-1.0</text>") && Catch::Contains(">3.0</text>"));
  CHECK_THAT(html, Catch::Contains("0.2500 <small>[0.1250, 0.3750]</small>"));
  for (const char* tag : {"table", "tr", "td", "th", "figure", "svg", "text", "div", "small", "h2"}) {
    CAPTURE(tag);
    CHECK(count_of(html, std::string("<") + tag + ">") + count_of(html, std::string("<") + tag + " ") ==
          count_of(html, std::string("</") + tag + ">"));
  }
}

TEST_CASE("figures from fewer than 30 validation rows are marked", "[unit]") {
  RidgeReport report = example();
  CHECK(to_json(report)["attributes"][0]["few_validation_rows"] == true);
  CHECK(to_json(report)["attributes"][1]["few_validation_rows"] == false);  // measured on none
  CHECK_THAT(ridge_report_html(report), Catch::Contains("from fewer than 30 validation rows"));
  report.result.attributes[0].n_validation = 30;
  CHECK(to_json(report)["attributes"][0]["few_validation_rows"] == false);
  CHECK_THAT(ridge_report_html(report), !Catch::Contains("from fewer than 30"));
}

TEST_CASE("the page of many attributes shows the best and the worst and links the rest", "[unit]") {
  RidgeReport report = example();
  const linear::AttributeFit fit = report.result.attributes[0];
  report.attributes.clear();
  report.result.attributes.clear();
  report.correlations.clear();
  // R² of attribute k: a permutation of 0 ... 1999, in thousandths.
  for (std::size_t k = 0; k < 2000; ++k) {
    report.attributes.push_back("attribute-" + std::to_string(k));
    report.result.attributes.push_back(fit);
    report.result.attributes[k].r_squared = static_cast<double>(k * 7 % 2000) / 1000.0;
  }
  report.result.attributes[3].r_squared = stats::kNotMeasured;
  const std::string html = ridge_report_html(report, "a#b.json");
  CHECK(count_of(html, "<th scope=\"row\">attribute-") == 100);
  CHECK(count_of(html, "<figure>") == 100);
  CHECK_THAT(html, Catch::Contains(">attribute-857<"));   // 857 * 7 = 5999: the best
  CHECK_THAT(html, Catch::Contains(">attribute-0<"));     // the worst
  CHECK_THAT(html, Catch::Contains(">attribute-3<"));     // not measured
  CHECK_THAT(html, !Catch::Contains(">attribute-100<"));  // in the middle
  CHECK_THAT(html, Catch::Contains("Of 2000 attributes the page shows the 50 with the highest") &&
                       Catch::Contains("<a href=\"./a%23b.json\">a#b.json</a>"));
  CHECK(html.size() < 2'000'000);
  report.attributes.resize(100);
  report.result.attributes.resize(100);
  const std::string all = ridge_report_html(report, "x.json");
  CHECK(count_of(all, "<th scope=\"row\">attribute-") == 100);
  CHECK_THAT(all, !Catch::Contains("x.json"));
}

TEST_CASE("the page's correlations are those of the shown attributes", "[unit]") {
  RidgeReport report = example();
  report.attributes.assign(120, "a");
  report.result.attributes.assign(120, report.result.attributes[0]);
  for (std::size_t k = 0; k < 120; ++k)
    report.result.attributes[k].r_squared = 1.0 - 0.001 * static_cast<double>(k);
  report.correlations.assign(120 * 120, 0.25);
  report.correlations[119 * 120 + 118] = -0.75;  // of two of the worst
  report.correlations[60 * 120 + 61] = 0.625;    // of two in the middle
  const std::string html = ridge_report_html(report);
  CHECK_THAT(html, Catch::Contains("-0.75<") && !Catch::Contains("0.62<") && !Catch::Contains("0.63<"));
}

TEST_CASE("a report with names missing is a programming error", "[unit]") {
  RidgeReport report = example();
  report.attributes.pop_back();
  CHECK_THROWS_AS(to_json(report), Error);
  CHECK_THROWS_AS(ridge_report_html(report), Error);
}

}  // namespace
}  // namespace armorm::report
