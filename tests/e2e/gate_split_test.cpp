// stage2-train --split_by prompt.
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/numpy_random.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/log_capture.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int kPrompts = 20;

// Prompt i has i % 4 + 1 pairs: 50 in all.
fs::path write_pairs(const fs::path& folder) {
  std::string rows;
  for (int prompt = 0; prompt < kPrompts; ++prompt)
    for (int pair = 0; pair <= prompt % 4; ++pair) {
      const auto side = [&](const std::string& answer) {
        return json::array({{{"role", "user"}, {"content", "question " + std::to_string(prompt)}},
                            {{"role", "assistant"}, {"content", answer + std::to_string(pair)}}});
      };
      rows += json{{"chosen", side("good ")}, {"rejected", side("a bad one ")}}.dump() + "\n";
    }
  fs::create_directories(folder);
  write_text(folder / "train.jsonl", rows);
  return folder;
}

class PromptPairs {
 public:
  PromptPairs() : set_(write_pairs(root_ / "pairs")) {
    copy_tree(demo_run() / "embeddings", root_ / "embeddings");
    copy_tree(demo_run() / "regression_weights", root_ / "regression_weights");
    std::vector<std::string> flags = stage_flags("stage2-prepare", demo_dir(), root_.path());
    flags.insert(flags.end(), {"--dataset_path", set_.string()});
    const ProcessResult result = run_program("stage2-prepare", flags);
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
  }

  fs::path file() const { return root_ / "embeddings/model/pairs-train.safetensors"; }

  ProcessResult train(const std::string& split_by) const {
    std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), root_.path());
    *(std::find(flags.begin(), flags.end(), "--preference_dataset") + 1) = set_.string();
    flags.insert(flags.end(), {"--split_by", split_by, "--restart"});
    return run_program("stage2-train", flags);
  }

  json pairs_in_report() const {
    return json::parse(io::read_text_file(root_ / "gating_network_model.json")).at("pairs");
  }

 private:
  TempDir root_;
  fs::path set_;
};

}  // namespace

TEST_CASE("pairs of a prompt have one id, and stay on one side of the gate's split", "[e2e]") {
  const PromptPairs pairs;
  const io::SafetensorsFile file = io::SafetensorsFile::open(pairs.file());
  const auto values = file.at("prompt_ids", DType::i64, {50}).as<std::int64_t>();
  const auto rows = file.at("row_ids", DType::i64, {50}).as<std::int64_t>();
  std::map<std::int64_t, int> pairs_of;
  for (const std::int64_t id : values) ++pairs_of[id];
  CHECK(pairs_of.size() == kPrompts);
  CHECK(values[1] == values[2]);  // rows 1 and 2 answer question 1
  CHECK(rows[1] == 1);

  // GroupShuffleSplit: a fifth of the prompts, with all their pairs.
  const Split split = group_train_test_split(values, 0.2, 0);
  std::set<std::int64_t> validated;
  for (const std::int64_t row : split.validation) validated.insert(values[static_cast<std::size_t>(row)]);
  CHECK(validated.size() == 4);
  const ProcessResult by_prompt = pairs.train("prompt");
  INFO(by_prompt.err);
  REQUIRE(by_prompt.exit_code == 0);
  CHECK(pairs.pairs_in_report().at("validation") == split.validation.size());
  CHECK(pairs.pairs_in_report().at("train") == split.train.size());
  REQUIRE(pairs.train("row").exit_code == 0);
  CHECK(pairs.pairs_in_report().at("validation") == 10);
}

TEST_CASE("a set without prompt ids cannot be split by prompt", "[e2e]") {
  const PromptPairs pairs;
  {
    const io::SafetensorsFile file = io::SafetensorsFile::open(pairs.file());
    io::SafetensorsWriter writer(pairs.file(),
                                 {{"embeddings", DType::bf16, file.at("embeddings").shape},
                                  {"prompt_embeddings", DType::bf16, file.at("prompt_embeddings").shape}},
                                 {});
    for (const char* name : {"embeddings", "prompt_embeddings"})
      writer.write_at(name, 0, file.at(name).bytes);
    writer.publish();
  }
  const ProcessResult refused = pairs.train("prompt");
  CHECK(refused.exit_code == 4);
  CHECK_THAT(refused.err, Contains("pairs-train.safetensors") && Contains("prompt_ids") &&
                              Contains("--split_by row") && Contains("stage2-prepare"));
  CHECK(pairs.train("row").exit_code == 0);
}
