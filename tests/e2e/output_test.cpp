// What the programs print: JSON for programs, tables for people, and what a terminal and a locale make of
// them.
#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/display_width.h"
#include "core/utf8.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "support/fixed_kernels.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Contains;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

using Flags = std::vector<std::string>;

// A train stage on the demo's embeddings, with its files in `output`.
Flags train_flags(const std::string& program, const fs::path& output, const Flags& more = {}) {
  Flags flags = stage_flags(program, demo_dir(), demo_run());
  flags.insert(flags.end(), {"--output_dir", output.string()});
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

ProcessResult train(const std::string& program, const fs::path& output, const Flags& more = {}) {
  ProcessResult result = run_program(program, train_flags(program, output, more));
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return result;
}

std::string on_terminal(const std::string& program, const Flags& flags, const Terminal& terminal) {
  const ProcessResult result = run_on_terminal(program, flags, terminal);
  INFO(result.out);
  REQUIRE(result.exit_code == 0);
  return result.out;
}

json read_json(const json& path) { return json::parse(io::read_text_file(path.get<std::string>())); }

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back(line);
  }
  return lines;
}

// The cells of the table line that begins with `name`, which are two spaces apart.
std::vector<std::string> cells_of(const std::string& text, const std::string& name) {
  for (const std::string& line : lines_of(text)) {
    if (!line.starts_with(name + "  ")) continue;
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < line.size();) {
      const std::size_t end = std::min(line.find("  ", i), line.size());
      cells.push_back(line.substr(i, end - i));
      i = std::min(line.find_first_not_of(' ', end), line.size());
    }
    return cells;
  }
  return {};
}

const json& named(const json& figures, const std::string& name) {
  return *std::find_if(figures.begin(), figures.end(), [&](const json& f) { return f["name"] == name; });
}

// Lines that are not paths, of which copies must be whole.
std::size_t widest_line(const std::string& text) {
  std::size_t width = 0;
  for (const std::string& line : lines_of(text))
    if (line.find('/') == std::string::npos) width = std::max(width, display_width(line));
  return width;
}

}  // namespace

TEST_CASE("stage1-train --json prints its report and the places of its files, and no table", "[e2e]") {
  const TempDir dir;
  const json document = json::parse(train("stage1-train", dir / "json", {"--json"}).out);
  CHECK(document["program"] == "stage1-train");
  CHECK(document["report"] == read_json(document["files"]["report"]));
  for (const char* kind : {"weights", "report", "page"})
    CHECK(fs::exists(document["files"][kind].get<std::string>()));

  const std::string table = train("stage1-train", dir / "table").out;
  REQUIRE(document["report"]["attributes"].size() == 19);
  for (const json& attribute : document["report"]["attributes"]) {
    const auto text = [](const json& value, const char* format) {
      return value.is_null() ? "-" : fmt::format(fmt::runtime(format), value.get<double>());
    };
    const std::string few = attribute["few_validation_rows"].get<bool>() ? "*" : "";
    CHECK(cells_of(table, attribute["name"]) ==
          std::vector<std::string>{
              attribute["name"], std::to_string(attribute["n_train"].get<int>()),
              std::to_string(attribute["n_validation"].get<int>()), text(attribute["best_alpha"], "{:g}"),
              text(attribute["validation_mse"], "{:.5f}"), text(attribute["r_squared"], "{:.4f}") + few,
              text(attribute["spearman"], "{:.4f}") + few});
  }
}

TEST_CASE("stage1-train --partial --json prints the files of sums", "[e2e]") {
  const TempDir dir;
  Flags flags = stage_flags("stage1-train", demo_dir(), demo_run());
  flags.insert(flags.end(), {"--partial", (dir / "sums").string(), "--json"});
  const ProcessResult result = run_program("stage1-train", flags);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const json document = json::parse(result.out);
  REQUIRE_FALSE(document["files"]["sums"].empty());
  for (const json& file : document["files"]["sums"]) CHECK(fs::exists(file.get<std::string>()));
}

TEST_CASE("stage2-train --json prints its report and the places of its files, and no table", "[e2e]") {
  const TempDir dir;
  const json document =
      json::parse(train("stage2-train", dir / "json", {"--json", "--export", (dir / "model").string()}).out);
  CHECK(document["program"] == "stage2-train");
  const json& report = document["report"];
  CHECK(report == read_json(document["files"]["report"]));
  for (const char* kind : {"gate", "page", "export"})
    CHECK(fs::exists(document["files"][kind].get<std::string>()));

  const std::string tables = train("stage2-train", dir / "table").out;
  for (const json& scorer : report["validation"]) {
    const std::vector<std::string> cells = cells_of(tables, scorer["name"]);
    REQUIRE(cells.size() >= 4);
    CHECK(cells[1] == fmt::format("{:.2f} %", 100.0 * scorer["accuracy"].get<double>()));
    CHECK(cells[3] == fmt::format("{:.4f}", scorer["loss"].get<double>()));
  }
  const std::vector<std::string> score = cells_of(tables, "Score");
  REQUIRE(score.size() == 1 + report["reward_bench"].size());
  for (std::size_t i = 0; i < report["reward_bench"].size(); ++i)
    CHECK(
        score[1 + i].starts_with(fmt::format("{:.1f} (", report["reward_bench"][i]["score"].get<double>())));
  for (const json& attribute : report["gate_usage"]["attributes"])
    CHECK(cells_of(tables, attribute["name"]).size() >= 3);
}

TEST_CASE("score --json counts what was scored, and leaves standard output to scores otherwise", "[e2e]") {
  const TempDir dir;
  write_text(dir / "in.jsonl",
             "{\"prompt\": \"Hi!\", \"response\": \"A useful letter.\", \"colour\": \"red\"}\n"
             "{\"prompt\": \"Hi!\"}\n"
             "{\"prompt\": \"Hi!\", \"response\": \"A toxic letter.\"}\n");
  const Flags flags{"--model_path",
                    demo_export().string(),
                    "--device",
                    "-1",
                    "--kernels",
                    fixed_kernels_name(),
                    "--input",
                    (dir / "in.jsonl").string(),
                    "--on_bad_row",
                    "skip",
                    "--batch_invariant=false",
                    "--json"};
  Flags to_file = flags;
  to_file.insert(to_file.end(), {"--output", (dir / "out.jsonl").string()});
  const ProcessResult result = run_program("score", to_file);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const json summary = json::parse(result.out);
  CHECK(summary["program"] == "score");
  CHECK(summary["files"]["scores"] == (dir / "out.jsonl").string());
  CHECK(summary["conversations"] == 2);
  CHECK(summary["errors"] == 1);
  CHECK(summary["unused_keys"] == json{{"colour", 1}});
  CHECK(summary["tokens"].get<int>() > 0);
  CHECK(lines_of(io::read_text_file(dir / "out.jsonl")).size() == 3);

  const ProcessResult refused = run_program("score", flags);
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, Contains("--json: ") && Contains("--output FILE"));
}

TEST_CASE("the log is coloured on a terminal alone, and not where that is unwanted", "[e2e]") {
  const TempDir dir;
  const auto output = [&](const char* name, const std::vector<std::string>& environment) {
    return on_terminal("stage1-train", train_flags("stage1-train", dir / name), {100, environment});
  };
  const std::string colour = output("colour", {"TERM=xterm", "NO_COLOR"});
  CHECK_THAT(colour, Contains("\x1b["));
  CHECK_THAT(colour, Contains("info"));  // the level is also a word
  CHECK_THAT(output("none", {"TERM=xterm", "NO_COLOR=1"}), !Contains("\x1b") && Contains("info"));
  CHECK_THAT(output("dumb", {"TERM=dumb", "NO_COLOR"}), !Contains("\x1b") && Contains("info"));
  const ProcessResult file = train("stage1-train", dir / "file");
  CHECK_THAT(file.out + file.err, !Contains("\x1b"));
}

TEST_CASE("tables fit the terminal, and 100 columns where there is none", "[e2e]") {
  const TempDir dir;
  const Flags more{"--eval_reward_bench_2", "--reward_bench_2_dataset",
                   (demo_dir() / "reward-bench-2").string(), "--log_level", "error"};
  for (const unsigned short columns : std::initializer_list<unsigned short>{80, 100, 175}) {
    const std::string name = std::to_string(columns);
    const std::string text =
        on_terminal("stage2-train", train_flags("stage2-train", dir / name, more), {columns, {"LC_ALL=C"}});
    INFO(text);
    CHECK(widest_line(text) <= std::min<std::size_t>(columns, 100));
    CHECK_THAT(text, Contains("Precise IF") && Contains("length bias") && Contains("#####"));
    CHECK(is_ascii(text));
    CHECK(widest_line(on_terminal(
              "stage1-train",
              train_flags("stage1-train", dir / (name + "-1"), {"--bootstrap", "50", "--log_level", "error"}),
              {columns, {}})) <= std::min<std::size_t>(columns, 100));
  }
  const std::string file = train("stage2-train", dir / "file", more).out;
  CHECK(widest_line(file) <= 100);
  CHECK_THAT(
      on_terminal("stage2-train", train_flags("stage2-train", dir / "utf8", more), {100, {"LC_ALL=C.UTF-8"}}),
      Contains("\u2588\u2588\u2588") && !Contains("####"));
}

TEST_CASE("the help fits the terminal, and 100 columns elsewhere", "[e2e]") {
  for (const char* program :
       {"stage1-prepare", "stage1-train", "stage2-prepare", "stage2-train", "score", "serve"}) {
    INFO(program);
    CHECK(widest_line(on_terminal(program, {"--help"}, {80, {}})) <= 80);
    CHECK(widest_line(run_program(program, {"--help"}).out) <= 100);
  }
}

TEST_CASE("progress is one line that a terminal redraws, and none of it reaches a file", "[e2e]") {
  const TempDir dir;
  Flags flags = stage_flags("stage1-prepare", demo_dir(), dir / "terminal");
  flags.insert(flags.end(), {"--batch_tokens", "300", "--threads", "1"});
  const std::string drawn = on_terminal("stage1-prepare", flags, {60, {"TERM=xterm", "NO_COLOR=1"}});
  CHECK_THAT(drawn, Contains("\r") && Contains("[#"));
  // What a terminal would break into two lines could not be redrawn.
  std::string now;
  for (const char c : drawn) {
    if (c == '\r') {
      if (now.find("[#") != std::string::npos) CHECK(display_width(now) < 60);
      now.clear();
    } else if (c != '\n') {
      now += c;
    }
  }
  *(std::find(flags.begin(), flags.end(), "--data_root") + 1) = (dir / "dumb").string();
  CHECK_THAT(on_terminal("stage1-prepare", flags, {60, {"TERM=dumb"}}), !Contains("[#"));
  *(std::find(flags.begin(), flags.end(), "--data_root") + 1) = (dir / "file").string();
  const ProcessResult file = run_program("stage1-prepare", flags);
  CHECK(file.exit_code == 0);
  CHECK_THAT(file.out + file.err, !Contains("\r") && !Contains("[#"));
}
