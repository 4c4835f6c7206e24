// The pages of stage1-train and stage2-train in a browser: on a phone and on a wide screen, light, dark and
// on paper. With ARMORM_SCREENSHOTS=FOLDER the screenshots are kept there.

#include <fmt/core.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "e2e/demo_fixture.h"
#include "e2e/page_look.h"
#include "io/read_file.h"
#include "report/gate_page.h"
#include "support/gate_report_example.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

fs::path gate_page() { return demo_run() / "gating_network_model.html"; }
json gate_report() { return json::parse(io::read_text_file(demo_run() / "gating_network_model.json")); }

// Whether a cell such as "93.5", "12.00 %" or "–" shows `value` * `factor` with its number of digits.
void check_shows(const std::string& cell, const json& value, double factor = 1.0) {
  CAPTURE(cell, value.dump());
  if (value.is_null()) {
    CHECK(cell == "–");
    return;
  }
  std::size_t end = 0;
  const double shown = std::stod(cell, &end);
  const std::string digits = cell.substr(0, end);
  const std::size_t point = digits.find('.');
  const double decimals = point == std::string::npos ? 0.0 : static_cast<double>(digits.size() - point - 1);
  CHECK(std::abs(shown - factor * value.get<double>()) <= 0.5 * std::pow(10.0, -decimals) + 1e-9);
}

std::vector<std::string> row_named(const json& table, const std::string& name) {
  for (const json& row : table.at("rows"))
    if (row.at(0) == name) return row;
  for (const json& row : table.at("foot"))
    if (row.at(0) == name) return row;
  throw std::runtime_error("no row " + name);
}

void check_transform(const json& table, const json& report) {
  const std::size_t k = report["attributes"].size();
  REQUIRE(table["rows"].size() == k);
  for (std::size_t i = 0; i < k; ++i)
    for (std::size_t j = 0; j < k; ++j) check_shows(table["rows"][i][j + 1], report["transform"][i * k + j]);
}

void check_kinds(const json& table, const json& set, std::size_t k) {
  REQUIRE(table["rows"].size() == set["kinds"].size());
  for (std::size_t i = 0; i < set["kinds"].size(); ++i) {
    const json& kind = set["kinds"][i];
    CHECK(table["rows"][i][0] == kind["name"]);
    check_shows(table["rows"][i][1], kind["n"]);
    for (std::size_t j = 0; j < k; ++j) check_shows(table["rows"][i][2 + j], kind["weights"][j], 100);
  }
}

json member(const json& report, const char* name) { return report.value(name, json::array()); }

// The tables by source of every set that has them.
void check_sources(const json& tables, const json& report) {
  const json sets = member(report, "by_source");
  for (std::size_t i = 0; i < sets.size(); ++i) {
    const json& rows = tables.at(fmt::format("by-source-{}", i)).at("rows");
    const json& lengths = tables.at(fmt::format("by-source-length-{}", i)).at("rows");
    REQUIRE(rows.size() == sets[i]["sources"].size());
    for (std::size_t s = 0; s < rows.size(); ++s) {
      const json& source = sets[i]["sources"][s];
      const json& gate = source["scorers"][0];
      CHECK(rows[s][0] == source["name"]);
      check_shows(rows[s][1], source["pairs"]);
      check_shows(rows[s][2], gate["accuracy"], 100);
      check_shows(rows[s][5], gate["loss"]);
      CHECK(lengths[s][0] == source["name"]);
      check_shows(lengths[s][1], gate["length_bias"]["chosen_longer"]["accuracy"], 100);
      check_shows(lengths[s][3], gate["length_bias"]["chosen_shorter"]["accuracy"], 100);
      check_shows(lengths[s][7], gate["length_bias"]["gap"], 100);
      check_shows(lengths[s][8], gate["length_bias"]["margin_correlation"]);
      for (std::size_t other = 1; other < source["scorers"].size(); ++other) {
        check_shows(rows[s][5 + other], source["scorers"][other]["accuracy"], 100);
        check_shows(lengths[s][8 + other], source["scorers"][other]["length_bias"]["gap"], 100);
      }
    }
  }
}

void check_example(const json& table, const json& example, const json& attributes) {
  REQUIRE(table["rows"].size() == attributes.size());
  for (std::size_t k = 0; k < attributes.size(); ++k) {
    const auto cells = row_named(table, attributes[k]);
    const json& contribution = example["contribution"];
    check_shows(cells[2],
                contribution["chosen"][k].get<double>() - contribution["rejected"][k].get<double>());
    check_shows(cells[3], example["gate"]["chosen"][k]);
    check_shows(cells[4], contribution["chosen"][k]);
    check_shows(cells[5], contribution["rejected"][k]);
    check_shows(cells[6], example["debiased"]["chosen"][k]);
    check_shows(cells[7], example["debiased"]["rejected"][k]);
    check_shows(cells[8], example["reward"]["chosen"][k]);
    check_shows(cells[9], example["reward"]["rejected"][k]);
  }
  const auto total = row_named(table, "score");
  check_shows(total[2], example["margin"]);
  check_shows(total[4], example["score"]["chosen"]);
  check_shows(total[5], example["score"]["rejected"]);
}

}  // namespace

TEST_CASE("the page of a run shows the figures of its JSON report", "[e2e]") {
  const auto program = Browser::find();
  if (!program) ARMORM_SKIP("no Chromium or Chrome here; scripts/setup.sh --test installs one");
  const json report = gate_report();
  Browser browser(*program);
  const json seen = look(browser, gate_page(), {1280, 900, false, "screen"});
  const json& tables = seen["tables"];
  CHECK(seen["heading"] == "Reward model gate: model");
  json all_parts{"reward-bench-part", "validation-part", "length-bias-part", "training-part",
                 "debiasing-part",    "gate-part",       "examples-part",    "origin-part"};
  const std::size_t sets_by_source = member(report, "by_source").size();
  if (sets_by_source > 0) all_parts.insert(all_parts.begin() + 3, "by-source-part");
  CHECK(seen["sections"] == all_parts);
  CHECK(seen["links"] == all_parts);
  check_shows(seen["tiles"][0], report["validation"][0]["accuracy"], 100);

  for (const json& scorer : report["validation"]) {
    const auto cells = row_named(tables["validation"], scorer["name"]);
    check_shows(cells[1], scorer["accuracy"], 100);
    check_shows(cells[4], scorer["loss"]);
  }
  for (const json& scorer : report["length_bias"]) {
    const json& rows = tables["length-bias"]["rows"];
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const json& r) {
      return r[0] == scorer["name"] && r[1] == scorer["set"];
    });
    REQUIRE(row != rows.end());
    check_shows((*row)[2], scorer["chosen_longer"]["accuracy"], 100);
    check_shows((*row)[4], scorer["chosen_shorter"]["accuracy"], 100);
    check_shows((*row)[8], scorer["gap"], 100);
    check_shows((*row)[9], scorer["margin_correlation"]);
  }
  for (const json& attribute : report["debiasing"]) {
    const auto cells = row_named(tables["debiasing"], attribute["name"]);
    check_shows(cells[1], attribute["penalty"]);
    check_shows(cells[2], attribute["correlation_before"]);
    check_shows(cells[3], attribute["correlation_after"]);
  }
  for (const json& attribute : report["gate_usage"]["attributes"]) {
    const auto cells = row_named(tables["gate-usage"], attribute["name"]);
    check_shows(cells[1], attribute["mean_weight"], 100);
    check_shows(cells[2], attribute["top_share"], 100);
  }
  check_transform(tables["transform"], report);
  check_sources(tables, report);
  REQUIRE(report["gate_by_kind"].size() == 2 + sets_by_source);
  for (std::size_t i = 0; i < report["gate_by_kind"].size(); ++i)
    check_kinds(tables["kinds-" + std::to_string(i)], report["gate_by_kind"][i], report["attributes"].size());
}

TEST_CASE("the page shows figures by source as its JSON report does", "[e2e]") {
  const auto program = Browser::find();
  if (!program) ARMORM_SKIP("no Chromium or Chrome here; scripts/setup.sh --test installs one");
  const TempDir dir;
  const report::GateReport example = gate_report_example({.kinds = 7, .awkward_names = true});
  write_text(dir / "sources.html", gate_report_page(example));
  Browser browser(*program);
  for (const View& view : views()) {
    const json seen = look(browser, dir / "sources.html", view);
    CHECK(seen["sections"].get<std::set<std::string>>().contains("by-source-part"));
    check_sources(seen["tables"], to_json(example));
  }
}

TEST_CASE("the page of a run shows RewardBench, curves, examples and options as its JSON report does",
          "[e2e]") {
  const auto program = Browser::find();
  if (!program) ARMORM_SKIP("no Chromium or Chrome here; scripts/setup.sh --test installs one");
  const json report = gate_report();
  Browser browser(*program);
  const json seen = look(browser, gate_page(), {360, 740, false, "screen"});
  const json& tables = seen["tables"];
  const json& bench = report["reward_bench"];
  for (std::size_t s = 0; s < bench.size(); ++s) {
    const std::size_t column = s == 0 ? 2 : 3 + s;  // column 3 is the gate's interval
    for (const json& section : bench[s]["sections"])
      check_shows(row_named(tables["reward-bench"], section["name"])[column], section["score"]);
    check_shows(row_named(tables["reward-bench"], "Score")[column], bench[s]["score"]);
    for (const json& subset : bench[s]["subsets"])
      check_shows(row_named(tables["reward-bench-subsets"], subset["name"])[s == 0 ? 2 : 4 + s],
                  subset["correct"].get<double>() / subset["n"].get<double>(), 100);
  }
  for (const json& entry : report["training"]["train"]) {
    const auto cells = row_named(tables["curve"], std::to_string(entry["step"].get<int>()));
    check_shows(cells[1], entry["loss"]);
    check_shows(cells[5], entry["logit_scale"]);
  }
  for (const json& entry : report["training"]["validation"]) {
    const auto cells = row_named(tables["curve"], std::to_string(entry["step"].get<int>()));
    check_shows(cells[2], entry["loss"]);
    check_shows(cells[3], entry["accuracy"], 100);
  }
  REQUIRE(report["examples"].size() == 2);
  for (std::size_t set = 0; set < 2; ++set)
    for (std::size_t i = 0; i < report["examples"][set]["rows"].size(); ++i)
      check_example(tables[fmt::format("example-{}-{}", set, i)], report["examples"][set]["rows"][i],
                    report["attributes"]);
  for (const auto& [name, value] : report["options"].items())
    CHECK(row_named(tables["options"], name)[1] == value);
  for (std::size_t i = 0; i < report["sources"].size(); ++i)
    for (const char* hash : {"sha256", "template_sha256", "tokenizer_sha256", "config_sha256"})
      if (report["sources"][i].contains(hash))
        CHECK(row_named(tables["source-" + std::to_string(i)], hash)[1] == report["sources"][i][hash]);
}

TEST_CASE("the pages of a run fit a phone and a wide screen, in light and dark", "[e2e]") {
  const auto program = Browser::find();
  if (!program) ARMORM_SKIP("no Chromium or Chrome here; scripts/setup.sh --test installs one");
  Browser browser(*program);
  std::set<std::string> colours;
  for (const fs::path& page : {gate_page(), demo_run() / "regression_weights" / "model_multi-objective.html"})
    for (const View& view : views()) {
      const json seen = look(browser, page, view);
      colours.insert(seen["page_colour"].get<std::string>());
      CHECK(seen["body_font_px"].get<double>() >= 14);
      CHECK(!seen["charts"].empty());
    }
  CHECK(colours.size() == 2);  // light and dark differ
}

TEST_CASE("pages of runs that are hard to lay out fit too", "[e2e]") {
  const auto program = Browser::find();
  if (!program) ARMORM_SKIP("no Chromium or Chrome here; scripts/setup.sh --test installs one");
  const TempDir dir;
  const std::vector<std::pair<std::string, ReportShape>> shapes{
      {"one", {.attributes = 1, .kinds = 1}},
      {"sixty", {.attributes = 60, .seeds = 5, .kinds = 30, .awkward_names = true, .unmeasured = true}},
      {"upstream", {.attributes = 19, .upstream = true}}};
  Browser browser(*program);
  for (const auto& [name, shape] : shapes) {
    const fs::path page = dir / (name + ".html");
    write_text(page, gate_report_page(gate_report_example(shape)));
    for (const View& view : views()) {
      const json seen = look(browser, page, view);
      CHECK(seen["sections"].size() == 11);
      CHECK(seen["tables"]["transform"]["rows"].size() == shape.attributes);
    }
  }
  write_text(dir / "empty.html", gate_report_page(report::GateReport{}));
  browser.open(dir / "empty.html", {360, 740, false, "screen"});
  CHECK(browser.evaluate("document.querySelectorAll('section').length") == 0);
}

TEST_CASE("a printed page is light and shows what is folded away", "[e2e]") {
  const auto program = Browser::find();
  if (!program) ARMORM_SKIP("no Chromium or Chrome here; scripts/setup.sh --test installs one");
  Browser browser(*program);
  browser.open(gate_page(), {1280, 900, false, "print"});
  const json seen = browser.evaluate(probe());
  CHECK(seen["hidden_when_printed"] == json::array());
  CHECK(seen["faint"] == json::array());
  CHECK(browser.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none");
  browser.open(gate_page(), {1280, 900, false, "screen"});
  CHECK(browser
            .evaluate("[...document.querySelectorAll('table')].filter(t => "
                      "!t.checkVisibility({contentVisibilityAuto: true})).length")
            .get<int>() > 5);
}

TEST_CASE("contributions are gate x T x reward and sum to the score", "[e2e]") {
  const json report = gate_report();
  const std::size_t k = report["attributes"].size();
  const double scale = report["logit_scale"];
  std::size_t examples = 0;
  for (const json& set : report["examples"])
    for (const json& example : set["rows"])
      for (const char* side : {"chosen", "rejected"}) {
        ++examples;
        double sum = 0.0, weight = 0.0;
        for (std::size_t j = 0; j < k; ++j) {
          double debiased = 0.0;
          for (std::size_t i = 0; i < k; ++i)
            debiased +=
                example["reward"][side][i].get<double>() * report["transform"][i * k + j].get<double>();
          CHECK(example["debiased"][side][j].get<double>() == Approx(debiased).margin(1e-5));
          const double gate = example["gate"][side][j];
          CHECK(example["contribution"][side][j].get<double>() ==
                Approx(scale * gate * debiased).margin(1e-5));
          sum += example["contribution"][side][j].get<double>();
          weight += gate;
        }
        CHECK(weight == Approx(1.0).margin(1e-5));
        CHECK(example["score"][side].get<double>() == Approx(sum).margin(1e-4));
      }
  CHECK(examples > 2 * 23);
  const json& bench = report["examples"][1]["rows"];
  CHECK(std::count_if(bench.begin(), bench.end(),
                      [](const json& e) { return e["why"] == "typical of its subset"; }) >= 10);
  CHECK(bench[0]["row_id"].is_number());
}
