// Rows that end in a user's turn, and pairs whose sides are the same tokens.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "armorm/score.h"
#include "armorm/stage1_prepare.h"
#include "armorm/stage2_prepare.h"
#include "data/final_turn.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/prepare/cpu_extraction.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "support/log_capture.h"
#include "support/printed.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

json turn(const char* role, const char* text) { return {{"role", role}, {"content", text}}; }

const json kAnswered = {turn("user", "q"), turn("assistant", "a")};
const json kOther = {turn("user", "q"), turn("assistant", "b")};
const json kOpen = {turn("user", "q"), turn("assistant", "a"), turn("user", "and then?")};

struct Scene {
  TempDir dir;

  std::string write(const std::string& name, const std::vector<json>& rows) const {
    std::string text;
    for (const json& row : rows) text += row.dump() + "\n";
    io::publish_text(dir / name, text);
    return (dir / name).string();
  }

  template <class Options>
  Options options(const std::string& dataset) const {
    Options options;
    options.extraction = cpu_extraction(golden("reward_model") / "llama", dir / "root");
    options.extraction.max_bad_rows = "1";
    options.dataset_path = dataset;
    return options;
  }
  Stage1PrepareOptions labelled() const {
    auto labelled = options<Stage1PrepareOptions>(
        write("set.jsonl", {{{"messages", kAnswered}, {"a", 1}}, {{"messages", kOpen}, {"a", 1}}}));
    labelled.attributes = {"a"};
    return labelled;
  }
  Stage2PrepareOptions pairs() const {
    return options<Stage2PrepareOptions>(write("pairs.jsonl", {{{"chosen", kAnswered}, {"rejected", kOther}},
                                                               {{"chosen", kAnswered}, {"rejected", kOpen}},
                                                               {{"chosen", kOther}, {"rejected", kOther}}}));
  }
};

io::Metadata metadata_of(const fs::path& file) { return io::SafetensorsFile::open(file).metadata(); }

}  // namespace

TEST_CASE("a conversation ends without an answer after a user, the system or a tool", "[unit]") {
  for (const char* role : {"user", "human", "system", "tool", "ipython"})
    CHECK(data::ends_without_answer({{"user", "q"}, {role, "x"}}));
  for (const char* role : {"assistant", "model", "gpt"})
    CHECK_FALSE(data::ends_without_answer({{"user", "q"}, {role, "x"}}));
}

TEST_CASE("labelled rows that end in a user's turn are counted, shown and recorded, or dropped", "[unit]") {
  const Scene scene;
  Stage1PrepareOptions options = scene.labelled();
  std::vector<std::string> warnings;
  {
    const LogCapture capture(warnings);
    CHECK(json::parse(metadata_of(run_stage1_prepare(options)).at("counts")).at("no_final_answer") == 1);
  }
  REQUIRE(warnings.size() >= 1);
  CHECK(std::count_if(warnings.begin(), warnings.end(), [](const std::string& line) {
          return line.find("1 rows end in a turn of a user") != std::string::npos;
        }) == 1);
  options.extraction.dry_run = true;
  CHECK_THAT(printed([&] { run_stage1_prepare(options); }), Contains("1 rows: no_final_answer"));

  options.extraction.on_bad_row = OnBadRow::skip;
  CHECK_THAT(printed([&] { run_stage1_prepare(options); }),
             Contains("1 rows: bad row (row ids 1)") && !Contains("no_final_answer"));
  options.extraction.dry_run = false;
  options.extraction.restart = true;
  const fs::path file = run_stage1_prepare(options);
  CHECK(io::SafetensorsFile::open(file).at("row_ids").shape == std::vector<std::int64_t>{1});
  fs::path rejects = file;
  CHECK_THAT(io::read_text_file(rejects.replace_extension(".rejects.jsonl")),
             Contains("\"row_id\":1") && Contains("ends in a turn of 'user'"));
}

TEST_CASE("pairs that end in a user's turn, and pairs of the same tokens, are counted", "[unit]") {
  const Scene scene;
  Stage2PrepareOptions options = scene.pairs();
  const json counts = json::parse(metadata_of(run_stage2_prepare(options)).at("counts"));
  CHECK(counts.at("no_final_answer") == 1);
  CHECK(counts.at("identical_sides") == 1);
  options.extraction.dry_run = true;
  CHECK_THAT(printed([&] { run_stage2_prepare(options); }),
             Contains("1 rows: no_final_answer") && Contains("1 rows: identical_sides"));

  options.extraction.dry_run = false;
  options.extraction.restart = true;
  options.extraction.on_bad_row = OnBadRow::skip;
  const io::SafetensorsFile file = io::SafetensorsFile::open(run_stage2_prepare(options));
  const auto ids = file.at("row_ids").as<std::int64_t>();
  CHECK(std::vector<std::int64_t>(ids.begin(), ids.end()) == std::vector<std::int64_t>{0, 2});
  const json kept = json::parse(file.metadata().at("counts"));
  CHECK_FALSE(kept.contains("no_final_answer"));
  CHECK(kept.at("identical_sides") == 1);
}

TEST_CASE("score counts conversations that end in a user's turn, or passes over them", "[unit]") {
  const Scene scene;
  ScoreOptions options;
  options.model_path = (golden("reward_model") / "llama").string();
  options.input = scene.write("in.jsonl", {{{"messages", kAnswered}}, {{"messages", kOpen}}});
  options.output = (scene.dir / "out.jsonl").string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.threads = 1;
  std::vector<std::string> warnings;
  {
    const LogCapture capture(warnings);
    run_score(options);
  }
  CHECK_THAT(io::read_text_file(options.output), !Contains("error"));
  CHECK(std::count_if(warnings.begin(), warnings.end(), [](const std::string& line) {
          return line.find("1 conversations end in a turn of a user") != std::string::npos;
        }) == 1);
  options.on_bad_row = OnBadRow::skip;
  run_score(options);
  CHECK_THAT(io::read_text_file(options.output), Contains("\"error\":\"the conversation ends in a turn of"));
}
