// A token that the model has no embedding for is found where the row is encoded, so that the row is named.
#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "armorm/score.h"
#include "armorm/stage1_prepare.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/prepare/cpu_extraction.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// A model of 905 embeddings whose tokenizer has one more token, and a data set whose row 1 has it.
struct Scene {
  TempDir dir;

  Scene() {
    fs::copy(golden("reward_model") / "llama", dir / "model");
    json tokenizer = json::parse(io::read_text_file(dir / "model/tokenizer.json"));
    json added = tokenizer["added_tokens"].back();
    REQUIRE(added["id"] == 904);
    added["id"] = 905;
    added["content"] = "<|new|>";
    tokenizer["added_tokens"].push_back(added);
    io::publish_text(dir / "model/tokenizer.json", tokenizer.dump());
    fs::create_directory(dir / "set");
    io::publish_text(dir / "set/train.jsonl", row("one") + row("<|new|>") + row("two"));
  }

  static std::string row(const std::string& text) {
    const json messages = {{{"role", "user"}, {"content", text}},
                           {{"role", "assistant"}, {"content", "yes"}}};
    return json{{"messages", messages}, {"a", 1}}.dump() + "\n";
  }

  Stage1PrepareOptions options() const {
    Stage1PrepareOptions options;
    options.extraction = cpu_extraction(dir / "model", dir / "root");
    options.extraction.allow_special_in_content = true;
    options.extraction.max_bad_rows = "1";
    options.dataset_path = (dir / "set").string();
    options.attributes = {"a"};
    return options;
  }
};

}  // namespace

TEST_CASE("a token past the embedding table is a bad row that is named", "[unit]") {
  const Scene scene;
  for (const bool dry_run : {true, false}) {
    Stage1PrepareOptions options = scene.options();
    options.extraction.dry_run = dry_run;
    CHECK_THAT(error_of([&] { run_stage1_prepare(options); }, ErrorKind::data),
               Contains("row 1: messages") && Contains("'<|new|>' with id 905") && Contains("at most 904") &&
                   Contains("vocab_size"));
  }
  Stage1PrepareOptions options = scene.options();
  options.extraction.on_bad_row = OnBadRow::skip;
  const io::SafetensorsFile file = io::SafetensorsFile::open(run_stage1_prepare(options));
  const auto ids = file.at("row_ids").as<std::int64_t>();
  std::vector<std::int64_t> kept(ids.begin(), ids.end());
  std::sort(kept.begin(), kept.end());
  CHECK(kept == std::vector<std::int64_t>{0, 2});
}

TEST_CASE("score names the line with a token past the embedding table, or passes over it", "[unit]") {
  const Scene scene;
  ScoreOptions options;
  options.model_path = (scene.dir / "model").string();
  options.input = (scene.dir / "in.jsonl").string();
  options.output = (scene.dir / "out.jsonl").string();
  options.device = -1;
  options.kernels = fixed_kernels();
  options.threads = 1;
  options.allow_special_in_content = true;
  const auto line = [](const std::string& text) {
    return json{{"prompt", text}, {"response", "yes"}}.dump() + "\n";
  };
  io::publish_text(options.input, line("one") + line("<|new|>") + line("two"));
  CHECK_THAT(error_of([&] { run_score(options); }, ErrorKind::data),
             Contains("line 2") && Contains("'<|new|>' with id 905"));
  options.on_bad_row = OnBadRow::skip;
  run_score(options);
  const std::string out = io::read_text_file(options.output);
  CHECK(std::count(out.begin(), out.end(), '\n') == 3);
  CHECK_THAT(out, Contains("with id 905"));
}
