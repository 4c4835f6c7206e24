// score --evaluate: an exported model on preference data, compared with stage2-train's evaluation and with
// score.
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "data/dataset.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "support/fixed_kernels.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

ProcessResult run_score(const fs::path& model, const std::vector<std::string>& more) {
  std::vector<std::string> flags{"--model_path", model.string(),       "--device",    "-1",
                                 "--kernels",    fixed_kernels_name(), "--precision", "fp32"};
  flags.insert(flags.end(), more.begin(), more.end());
  return run_program("score", flags);
}

struct Evaluated {
  std::string out;
  std::string err;
  json report;
  std::vector<std::string> rows;
};

Evaluated evaluate(const std::string& set, const std::vector<std::string>& more = {},
                   const fs::path& model = demo_export()) {
  const TempDir dir;
  std::vector<std::string> flags{"--evaluate", set,
                                 "--output",   (dir / "rows.jsonl").string(),
                                 "--report",   (dir / "report.json").string()};
  flags.insert(flags.end(), more.begin(), more.end());
  const ProcessResult result = run_score(model, flags);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return {result.out, result.err, json::parse(io::read_text_file(dir / "report.json")),
          lines_of(io::read_text_file(dir / "rows.jsonl"))};
}

ProcessResult refused(const std::string& set, const std::vector<std::string>& more = {}) {
  std::vector<std::string> flags{"--evaluate", set};
  flags.insert(flags.end(), more.begin(), more.end());
  return run_score(demo_export(), flags);
}

// An export, and the report of the training that wrote it.
struct Trained {
  fs::path model;
  json report;
};

const Trained& trained() {
  static const TempDir dir;
  static const Trained made = [] {
    run_stage("stage2-train", demo_run(),
              {"--output_dir", (dir / "gate").string(), "--export", (dir / "rm").string(), "--eval",
               (demo_dir() / "reference").string(), "--eval_reward_bench_2", "--reward_bench_2_dataset",
               (demo_dir() / "reward-bench-2").string()});
    return Trained{dir / "rm", json::parse(io::read_text_file(dir / "gate" / "gating_network_model.json"))};
  }();
  return made;
}

Evaluated evaluate_trained(const char* set, const std::string& split) {
  return evaluate((demo_dir() / set).string(), {"--dataset_split", split}, trained().model);
}

// Stored embeddings are rounded to bfloat16, and score's are not: pairs with hardly a margin may differ.
std::map<std::string, std::int64_t> close_pairs(const std::vector<std::string>& rows) {
  std::map<std::string, std::int64_t> close;
  for (const std::string& line : rows) {
    const json row = json::parse(line);
    const double margin = row["chosen"]["score"].get<double>() - row["rejected"]["score"].get<double>();
    close[row.value("subset", "")] += std::abs(margin) < 0.005 ? 1 : 0;
  }
  return close;
}

void write_lines(const fs::path& path, const std::vector<json>& rows) {
  std::string text;
  for (const json& row : rows) text += row.dump() + "\n";
  write_text(path, text);
}

json pair(const std::string& chosen, const std::string& rejected) {
  return {{"prompt", "Could you suggest a garden?"}, {"chosen", chosen}, {"rejected", rejected}};
}

}  // namespace

TEST_CASE("an export's RewardBench is that of the training that exported it", "[e2e]") {
  const Evaluated run = evaluate_trained("reward-bench", "filtered");
  CHECK(run.report["benchmark"] == "reward_bench");
  CHECK(run.report["all"]["n"] == 120);
  REQUIRE(run.rows.size() == 120);
  auto close = close_pairs(run.rows);
  REQUIRE(run.report["reward_bench"].size() == 1);
  const json& found = run.report["reward_bench"][0];
  const json& expected = trained().report["reward_bench"][0];
  REQUIRE(found["subsets"].size() == expected["subsets"].size());
  std::int64_t differing = 0;
  for (std::size_t i = 0; i < found["subsets"].size(); ++i) {
    const json& a = found["subsets"][i];
    const json& b = expected["subsets"][i];
    CHECK(a["name"] == b["name"]);
    CHECK(a["n"] == b["n"]);
    const std::int64_t apart = std::abs(a["correct"].get<std::int64_t>() - b["correct"].get<std::int64_t>());
    CHECK(apart <= close[a["name"].get<std::string>()]);
    differing += apart;
  }
  CHECK(differing <= 3);
  if (differing == 0) {
    CHECK(found["score"].get<double>() == Approx(expected["score"].get<double>()).epsilon(1e-12));
    CHECK(found["low"].get<double>() == Approx(expected["low"].get<double>()).epsilon(1e-12));
  }
  CHECK_THAT(run.out, Catch::Contains("Chat Hard") && Catch::Contains("Score") &&
                          Catch::Contains("by the counts of rewardbench 0.1.3"));
  for (const std::string& line : lines_of(run.out)) CHECK(line.size() <= 100);
}

TEST_CASE("an export's RewardBench 2 is that of the training that exported it", "[e2e]") {
  const Evaluated run = evaluate_trained("reward-bench-2", "test");
  const json& expected = trained().report["reward_bench_2"]["scorers"][0];
  const json& found = run.report["reward_bench_2"]["scorers"][0];
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(found["sections"][i]["n"] == expected["sections"][i]["n"]);
    // One of eight prompts of a section may differ.
    CHECK(found["sections"][i]["score"].get<double>() ==
          Approx(expected["sections"][i]["score"].get<double>()).margin(12.6));
  }
  CHECK(found["score"].get<double>() == Approx(expected["score"].get<double>()).margin(2.2));
  REQUIRE(run.rows.size() == 48);
  const json row = json::parse(run.rows[0]);
  CHECK(row["chosen"].is_array());
  CHECK(row["rejected"].size() == 3);
  CHECK((row["credit"] == 1.0 || row["credit"] == 0.0 || row["credit"] == 0.5));
}

TEST_CASE("an export's accuracy, loss and length bias are those of stage2-train --eval", "[e2e]") {
  const Evaluated run = evaluate_trained("reference", "train");
  const json& expected = trained().report["eval"][0]["scorers"][0];
  const json& found = run.report["eval"][0]["scorers"][0];
  CHECK(run.report["eval"][0]["pairs"] == 100);
  const double allowed = static_cast<double>(close_pairs(run.rows)[""]) / 100;
  CHECK(found["accuracy"].get<double>() == Approx(expected["accuracy"].get<double>()).margin(allowed + 1e-9));
  CHECK(found["loss"].get<double>() == Approx(expected["loss"].get<double>()).margin(0.01));
  for (const json& bias : trained().report["length_bias"]) {
    if (bias["set"] != (demo_dir() / "reference").string() || bias["name"] != "gate") continue;
    CHECK(run.report["length_bias"][0]["chosen_longer"]["n"] == bias["chosen_longer"]["n"]);
    CHECK(run.report["length_bias"][0]["margin_correlation"].get<double>() ==
          Approx(bias["margin_correlation"].get<double>()).margin(0.01));
  }
  CHECK(run.report["benchmark"] == "none");
  CHECK(run.report["subsets"].empty());
  CHECK_THAT(run.out, Catch::Contains("all       100"));
}

TEST_CASE("the rows of an evaluation have the bits of score's lines", "[e2e]") {
  const TempDir dir;
  const std::string fields = "score,rewards,gate,contributions,coefficients,tokens";
  const Evaluated run =
      evaluate((demo_dir() / "reward-bench").string(), {"--dataset_split", "filtered", "--fields", fields,
                                                        "--window", can_be_batch_invariant() ? "7" : "1024"});
  std::string conversations;
  const data::Dataset demo = data::Dataset::open(
      {.path = demo_dir() / "reward-bench", .split = "filtered", .config = "", .columns = {}});
  demo.for_each_preference({}, [&](data::PreferenceRow&& row) {
    for (const Conversation* side : {&row.chosen, &row.rejected}) {
      json messages = json::array();
      for (const Message& message : *side)
        messages.push_back({{"role", message.role}, {"content", message.content}});
      conversations += json{{"messages", messages}}.dump() + "\n";
    }
  });
  write_text(dir / "in.jsonl", conversations);
  const ProcessResult scored =
      run_score(demo_export(), {"--input", (dir / "in.jsonl").string(), "--fields", fields});
  REQUIRE(scored.exit_code == 0);
  const std::vector<std::string> lines = lines_of(scored.out);
  REQUIRE(lines.size() == 2 * run.rows.size());
  const auto values = [](const std::string& line) { return "{" + line.substr(line.find(',') + 1); };
  for (std::size_t i = 0; i < run.rows.size(); ++i) {
    const std::string sides =
        "\"chosen\":" + values(lines[2 * i]) + ",\"rejected\":" + values(lines[2 * i + 1]) + "}";
    CHECK_THAT(run.rows[i], Catch::EndsWith(sides));
    CHECK(json::parse(run.rows[i])["row"] == i);
  }
}

TEST_CASE("ties count as wrong, by subset of any set", "[e2e]") {
  const TempDir dir;
  std::vector<json> rows;
  for (int i = 0; i < 4; ++i) {
    rows.push_back(pair("A useful and excellent garden.", "A useless and wrong garden."));
    rows.back()["subset"] = i < 3 ? "mine" : "other";
  }
  rows[1]["rejected"] = rows[1]["chosen"];
  write_lines(dir / "pairs.jsonl", rows);
  const Evaluated run = evaluate((dir / "pairs.jsonl").string());
  CHECK(run.report["benchmark"] == "none");
  CHECK(run.report["all"]["n"] == 4);
  CHECK(run.report["all"]["ties"] == 1);
  CHECK(run.report["all"]["correct"] == 3);
  REQUIRE(run.report["subsets"].size() == 2);
  CHECK(run.report["subsets"][0]["name"] == "mine");
  CHECK(run.report["subsets"][0]["ties"] == 1);
  CHECK(json::parse(run.rows[1])["correct"] == false);
  CHECK(json::parse(run.rows[0])["subset"] == "mine");
  CHECK_THAT(run.err, Catch::Contains("1 pairs have two sides of the same tokens"));
  CHECK_THAT(run.out, Catch::Contains("mine") && Catch::Contains("66.67 %"));
}

TEST_CASE("subsets that RewardBench does not have are named, and count nowhere", "[e2e]") {
  const TempDir dir;
  std::vector<json> rows;
  for (const char* subset : {"donotanswer", "made-up"}) {
    rows.push_back(pair("A useful and excellent garden.", "A useless and wrong garden."));
    rows.back()["subset"] = subset;
  }
  write_lines(dir / "pairs.jsonl", rows);
  const Evaluated run = evaluate((dir / "pairs.jsonl").string());
  CHECK(run.report["benchmark"] == "reward_bench");
  CHECK(run.report["reward_bench"][0]["score"].is_null());
  CHECK(run.report["reward_bench"][0]["sections"][2]["score"] == 100.0);
  CHECK_THAT(run.err, Catch::Contains("made-up") && Catch::Contains("no rows of math-prm"));
  CHECK(evaluate((dir / "pairs.jsonl").string(), {"--benchmark", "none"}).report["benchmark"] == "none");
}

TEST_CASE("the sets of a mixture are its subsets, and prior sets have their mean", "[e2e]") {
  const TempDir dir;
  json sets = json::array();
  for (const char* name : {"anthropic_helpful", "anthropic_hhh", "shp", "summarize"}) {
    const std::string file = std::string(name) + ".jsonl";
    json row = pair("A useful and excellent garden.", "A useless and wrong garden.");
    if (file == "anthropic_hhh.jsonl") row["subset"] = "honest";  // as the published set, which is one subset
    write_lines(dir / file, {row});
    sets.push_back({{"name", name}, {"path", (dir / file).string()}});
  }
  write_text(dir / "recipe.json", json{{"sets", sets}}.dump());
  const Evaluated run = evaluate((dir / "recipe.json").string());
  CHECK(run.report["prior_sets"] == 100.0);
  CHECK(run.report["score_with_prior_sets"].is_null());
  CHECK(run.report["subsets"].size() == 4);
  const json row = json::parse(run.rows[2]);
  CHECK(row["set"] == "shp");
  CHECK(row["row"] == 0);
  CHECK_THAT(run.out, Catch::Contains("prior sets 100.00"));
}

TEST_CASE("bad rows end the evaluation before the weights are read, or are left out and named", "[e2e]") {
  const TempDir dir;
  std::vector<json> rows(3, pair("A useful garden.", "A useless garden."));
  rows[1]["chosen"] = nullptr;
  write_lines(dir / "pairs.jsonl", rows);
  const std::string set = (dir / "pairs.jsonl").string();
  const ProcessResult ended = refused(set, {"--output", (dir / "rows.jsonl").string()});
  CHECK(ended.exit_code == 4);
  CHECK_THAT(ended.err, Catch::Contains("chosen") && !Catch::Contains("model demo-rm on cpu"));
  CHECK_FALSE(fs::exists(dir / "rows.jsonl"));
  const Evaluated skipped = evaluate(set, {"--on_bad_row", "skip"});
  CHECK(skipped.report["rows"] == json{{"read", 3}, {"bad", 1}, {"without_pairs", 0}});
  CHECK(skipped.report["all"]["n"] == 2);
  REQUIRE(skipped.rows.size() == 3);
  CHECK(json::parse(skipped.rows[1]).contains("error"));
  CHECK_THAT(skipped.err, Catch::Contains("1 rows are bad"));
  const ProcessResult too_long = refused(set, {"--max_length", "3", "--on_bad_row", "skip"});
  CHECK(too_long.exit_code == 4);
  CHECK_THAT(too_long.err, Catch::Contains("no row makes a pair"));
}

TEST_CASE("what does not fit is refused with what to do", "[e2e]") {
  const TempDir dir;
  write_lines(dir / "pairs.jsonl", {pair("A useful garden.", "A useless garden.")});
  const std::string set = (dir / "pairs.jsonl").string();
  const auto check_refused = [](const ProcessResult& result, int exit_code, const std::string& message) {
    INFO(result.err);
    CHECK(result.exit_code == exit_code);
    CHECK_THAT(result.err, Catch::Contains(message));
  };
  check_refused(refused(set, {"--benchmark", "reward_bench"}), 4, "needs a column `subset`");
  check_refused(refused(set, {"--benchmark", "reward_bench_2"}), 4, "lists of chosen and rejected answers");
  check_refused(refused((demo_dir() / "reward-bench-2").string(),
                        {"--dataset_split", "test", "--benchmark", "reward_bench"}),
                4, "one chosen and one rejected answer");
  check_refused(refused(set, {"--input", set}), 2, "--input");
  check_refused(refused(set + "," + set), 2, "--evaluate: two of the sets");
  check_refused(refused(set, {"--copy_keys", "a"}), 2, "--copy_keys");
  check_refused(refused((demo_dir() / "multi-objective").string()), 4, "chosen");
  check_refused(refused((demo_dir() / "reward-bench").string()), 4, "filtered");
  check_refused(refused((dir / "none.jsonl").string()), 3, "none.jsonl");
  check_refused(run_score(demo_export(), {"--report", (dir / "r.json").string()}), 2, "--evaluate");
  const ProcessResult ignored = run_score(demo_export(), {"--dataset_split", "test"});
  CHECK_THAT(ignored.err, Catch::Contains("--dataset_split: no effect without --evaluate"));
  check_refused(run_score(demo_dir() / "model", {"--evaluate", set}), 4, "expected an ArmoRM");
}
