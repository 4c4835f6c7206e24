// --dry_run of the prepare stages reports what a run would do, and changes nothing.
#include <fmt/format.h>

#include <regex>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

std::string capture(const std::string& text, const std::string& pattern) {
  std::smatch match;
  INFO(text);
  REQUIRE(std::regex_search(text, match, std::regex(pattern)));
  return match[1];
}

const std::vector<std::string>& preference() {
  static const std::vector<std::string> flags{"--dataset_path", (demo_dir() / "preference").string(),
                                              "--batch_tokens", "2048"};
  return flags;
}

std::vector<std::string> with(std::vector<std::string> flags, const std::vector<std::string>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace

TEST_CASE("a dry run foretells the rows and tokens of the run, and writes nothing", "[e2e]") {
  const TempDir root;
  const std::string plan = run_stage("stage2-prepare", root.path(), with(preference(), {"--dry_run"})).out;
  CHECK(fs::is_empty(root.path()));
  const std::string run = run_stage("stage2-prepare", root.path(), preference()).out;
  CHECK(capture(plan, "(\\d+) of input") == capture(run, "(\\d+) input tokens"));
  CHECK(capture(plan, "(\\d+) to compute") == capture(run, "\\((\\d+) computed"));
  CHECK(capture(plan, "(\\d+) rows will be written") == capture(run, "(\\d+) rows written"));
  const std::string file = capture(plan, "file +([^ ]+) \\(");
  CHECK(fs::exists(file));
}

TEST_CASE("a dry run shows the first row with its special tokens and the places of its embeddings", "[e2e]") {
  const TempDir root;
  const std::string plan = run_stage("stage2-prepare", root.path(), with(preference(), {"--dry_run"})).out;
  CHECK_THAT(plan, Catch::Contains("row 0, chosen") && Catch::Contains("row 0, rejected") &&
                       Catch::Contains("[<|begin_of_text|>][<|start_header_id|>]user[<|end_header_id|>]") &&
                       Catch::Contains("<<prompt embedding>>[<|eot_id|>][<|start_header_id|>]assistant") &&
                       Catch::Contains("<<embedding>>[<|eot_id|>]\n") &&
                       Catch::Contains("exactly one <|begin_of_text|> in every sequence"));
}

TEST_CASE("a dry run names the rows that will be dropped and counts labels", "[e2e]") {
  const TempDir root;
  const std::string plan = run_stage("stage1-prepare", root.path(), {"--dry_run", "--seq_len", "100"}).out;
  const auto kept = std::stoi(capture(plan, "(\\d+) rows will be written"));
  const auto dropped = std::stoi(capture(plan, "dropped +(\\d+) rows: longer than seq_len"));
  CHECK(kept > 0);
  CHECK(dropped > 0);
  CHECK(kept + dropped == 400);
  CHECK(std::stoi(capture(plan, "max (\\d+) tokens")) <= 100);
  CHECK_THAT(plan, Catch::Contains("helpsteer-verbosity"));
}

TEST_CASE("a dry run needs no device but complete weights", "[e2e]") {
  const TempDir place;
  const fs::path demo = place.path() / "demo";
  copy_tree(demo_dir(), demo);
  const std::vector<std::string> flags{"--model_path",
                                       (demo / "model").string(),
                                       "--dataset_path",
                                       (demo / "multi-objective").string(),
                                       "--device",
                                       "63",
                                       "--dry_run",
                                       "--data_root",
                                       (place.path() / "root").string()};
  const ProcessResult elsewhere = run_program("stage1-prepare", flags);
  CHECK(elsewhere.exit_code == 0);
  CHECK_THAT(elsewhere.out, Catch::Contains("no device 63"));
  const double work = std::stod(capture(elsewhere.out, "work +([^ ]+) TFLOP"));
  const auto seconds_on = [&](const std::string& device) {
    std::vector<std::string> assumed = with(flags, {"--assume_tflops", fmt::format("{}", work / 50)});
    *(std::find(assumed.begin(), assumed.end(), "--device") + 1) = device;
    return std::stod(capture(run_program("stage1-prepare", assumed).out,
                             "at least (\\d+) s at the [^ ]+ TFLOP/s that each device is assumed"));
  };
  CHECK(seconds_on("63") == Approx(50.0).margin(1));
  CHECK(seconds_on("-1") == Approx(50.0).margin(1));
  CHECK(seconds_on("0,1") == Approx(25.0).margin(1));
  truncate_file(demo / "model/model.safetensors", 1000);
  const ProcessResult broken = run_program("stage1-prepare", flags);
  CHECK(broken.exit_code == 4);
  CHECK_THAT(broken.err, Catch::Contains("model.safetensors"));
}

TEST_CASE("a dry run foretells what fp8 takes, and that dynamic rope scaling shares nothing", "[e2e]") {
  const TempDir place;
  const fs::path demo = place.path() / "demo";
  copy_tree(demo_dir(), demo);
  replace_in_file(demo / "model/config.json", "\"rope_scaling\": null",
                  R"("rope_scaling": {"rope_type": "dynamic", "factor": 2.0})");
  const auto prepare = [&](const std::vector<std::string>& more) {
    std::vector<std::string> flags = stage_flags("stage2-prepare", demo, place.path() / "root");
    flags = with(flags, {"--dataset_path", (demo / "preference").string(), "--batch_tokens", "2048"});
    const ProcessResult result = run_program("stage2-prepare", with(flags, more));
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return result.out;
  };
  const std::string plan = prepare({"--dry_run"});
  CHECK(capture(plan, "(\\d+) to compute") == capture(prepare({}), "\\((\\d+) computed"));
  const std::vector<std::string> fp8{"--dataset_path", (demo_dir() / "preference").string(), "--dry_run"};
  std::vector<std::string> flags = with(stage_flags("stage2-prepare", demo_dir(), place.path() / "fp8"), fp8);
  *(std::find(flags.begin(), flags.end(), "--precision") + 1) = "fp8";
  CHECK_THAT(run_program("stage2-prepare", flags).out, Catch::Contains("while fp8 is compared with bf16"));
}

namespace {

// stage1-prepare --dry_run with the label `attribute` on a set of these lines, without bad rows.
ProcessResult plan_lines(const TempDir& place, const std::string& lines, const std::string& attribute,
                         const std::string& max_bad_rows) {
  fs::create_directories(place / "set");
  write_text(place / "set/train.jsonl", lines);
  return run_program("stage1-prepare", {"--model_path", (demo_dir() / "model").string(), "--data_root",
                                        (place / "root").string(), "--dataset_path", (place / "set").string(),
                                        "--attributes", attribute, "--device", "-1", "--dry_run",
                                        "--on_bad_row", "skip", "--max_bad_rows", max_bad_rows});
}

}  // namespace

TEST_CASE("a dry run lists bad rows by reason and prints no control characters of the data", "[e2e]") {
  const TempDir place;
  const std::string good =
      R"({"messages":[{"role":"user","content":"a\u001b[31m\u0007"},{"role":"assistant","content":"b\u009b"}],"x\u001b":1})";
  const std::string text_row = R"({"messages":"text","x\u001b":1})";
  const std::string empty_row = R"({"messages":[],"x\u001b":1})";
  const std::string lines = good + "\n" + text_row + "\n" + good + "\n" + text_row + "\n" + empty_row + "\n";
  const ProcessResult plan = plan_lines(place, lines, "x\x1b", "4");
  INFO(plan.err);
  REQUIRE(plan.exit_code == 0);
  CHECK_THAT(plan.out, Catch::Contains("2 rows will be written") &&
                           Catch::Contains("2 bad rows (row ids 1 3): messages: ") &&
                           Catch::Contains("1 bad rows (row ids 4): messages: ") &&
                           Catch::Contains("a\\x1b[31m\\x07") && Catch::Contains("b\\u009b"));
  for (const std::string& text : {plan.out, plan.err})
    for (const char* control : {"\x1b", "\x07", "\xc2\x9b"}) CHECK(text.find(control) == std::string::npos);
  const ProcessResult limited = plan_lines(place, lines, "x\x1b", "2");
  CHECK(limited.exit_code == 4);
  CHECK_THAT(limited.out, Catch::Contains("2 bad rows (row ids 1 3): messages: "));
  CHECK_THAT(limited.err, Catch::Contains("3 rows are bad, more than --max_bad_rows (2) allows"));
  CHECK_FALSE(fs::exists(place / "root"));
}

TEST_CASE("a set without usable rows says why each was dropped", "[e2e]") {
  const TempDir place;
  const ProcessResult plan =
      plan_lines(place, "{\"messages\":\"text\",\"x\":1}\n{\"messages\":[],\"x\":1}\n", "x", "4");
  CHECK(plan.exit_code == 4);
  CHECK_THAT(plan.err, Catch::Contains("holds no rows to embed") &&
                           Catch::Contains("2 rows are bad, the first is row 0: messages: "));
}

TEST_CASE("a seq_len above the model's own limit is reported with the rows that exceed it", "[e2e]") {
  const TempDir place;
  const fs::path demo = place.path() / "demo";
  copy_tree(demo_dir(), demo);
  const auto plan = [&](const std::vector<std::string>& more) {
    std::vector<std::string> flags = stage_flags("stage2-prepare", demo, place.path() / "root");
    flags = with(flags, {"--dataset_path", (demo / "preference").string(), "--dry_run"});
    ProcessResult result = run_program("stage2-prepare", with(flags, more));
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return result;
  };
  const auto limit_to = [&](const std::string& limit) {
    const std::string config = io::read_text_file(demo / "model/config.json");
    const std::string own = capture(config, "(\"max_position_embeddings\": \\d+)");
    replace_in_file(demo / "model/config.json", own, "\"max_position_embeddings\": " + limit);
  };
  limit_to("8192");
  const ProcessResult all = plan({});
  CHECK_THAT(all.err, !Catch::Contains("own limit"));
  limit_to("8191");
  CHECK_THAT(plan({}).err, Catch::Contains("--seq_len 8192 is above the model's own limit of 8191 tokens") &&
                               Catch::Contains("; 0 sequences"));
  const std::string shorter = std::to_string(std::stoi(capture(all.out, "max (\\d+) tokens")) - 1);
  limit_to(shorter);
  CHECK_THAT(plan({}).err, Catch::Contains("own limit of " + shorter + " tokens") &&
                               Catch::Contains("--seq_len " + shorter + " drops them"));
  CHECK_THAT(plan({"--seq_len", shorter}).err, !Catch::Contains("own limit"));
}
