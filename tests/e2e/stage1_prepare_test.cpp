// Output of stage1-prepare besides embeddings and labels: prompts and sample weights.
#include <map>

#include "e2e/demo_fixture.h"
#include "io/safetensors.h"
#include "support/fixed_kernels.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

std::string row(const std::string& prompt, const std::string& answer, const std::string& rest) {
  return R"({"messages":[{"role":"user","content":")" + prompt + R"("},{"role":"assistant","content":")" +
         answer + R"("}],"a":)" + rest + "}\n";
}

ProcessResult prepare(const fs::path& folder, const std::string& rows, const std::vector<std::string>& more) {
  fs::create_directories(folder / "data");
  write_text(folder / "data/train.jsonl", rows);
  std::vector<std::string> flags{"--model_path",   (demo_dir() / "model").string(),
                                 "--data_root",    (folder / "root").string(),
                                 "--dataset_path", (folder / "data").string(),
                                 "--device",       "-1",
                                 "--kernels",      fixed_kernels_name(),
                                 "--attributes",   "a"};
  flags.insert(flags.end(), more.begin(), more.end());
  return run_program("stage1-prepare", flags);
}

io::SafetensorsFile embeddings(const fs::path& folder) {
  return io::SafetensorsFile::open(folder / "root/embeddings/model/data-00001-of-00001.safetensors");
}

}  // namespace

TEST_CASE("rows carry the number of their prompt and their weight", "[e2e]") {
  const TempDir dir;
  const std::string rows = row("p", "x", "1,\"w\":0.5") + row("q", "x", "2,\"w\":2") +
                           row("p", "a longer answer", "3,\"w\":0") + row("pp", "x", "4,\"w\":1.25");
  const ProcessResult result = prepare(dir.path(), rows, {"--weight_column", "w", "--seq_len", "200"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const io::SafetensorsFile file = embeddings(dir.path());
  const auto ids = file.at("row_ids", DType::i64, {4}).as<std::int64_t>();
  const auto prompts = file.at("prompt_ids", DType::i64, {4}).as<std::int64_t>();
  const auto weights = file.at("sample_weights", DType::f32, {4}).as<float>();
  const auto labels = file.at("labels", DType::f32, {4, 1}).as<float>();
  std::map<std::int64_t, std::int64_t> prompt_of;
  std::map<std::int64_t, std::pair<float, float>> label_and_weight_of;
  for (std::size_t i = 0; i < 4; ++i) {
    prompt_of[ids[i]] = prompts[i];
    label_and_weight_of[ids[i]] = {labels[i], weights[i]};
  }
  CHECK(prompt_of[0] == prompt_of[2]);
  CHECK(prompt_of[0] != prompt_of[1]);
  CHECK(prompt_of[0] != prompt_of[3]);
  CHECK(prompt_of[1] != prompt_of[3]);
  CHECK(label_and_weight_of == std::map<std::int64_t, std::pair<float, float>>{
                                   {0, {1.F, 0.5F}}, {1, {2.F, 2.F}}, {2, {3.F, 0.F}}, {3, {4.F, 1.25F}}});
  CHECK(file.metadata().at("weight_column") == "w");
}

TEST_CASE("a config of several is chosen, recorded, and named where it has to be", "[e2e]") {
  const TempDir dir;
  fs::create_directories(dir.path() / "data");
  write_text(dir.path() / "data/README.md",
             "---\nconfigs:\n- config_name: one\n  data_files: train.jsonl\n- config_name: two\n  "
             "data_files: two.jsonl\n---\n");
  write_text(dir.path() / "data/two.jsonl", row("p", "x", "7"));
  const ProcessResult open = prepare(dir.path(), row("p", "x", "1"), {});
  CHECK(open.exit_code == 4);
  CHECK(open.err.find("--dataset_config: one, two") != std::string::npos);
  const ProcessResult result = prepare(dir.path(), row("p", "x", "1"), {"--dataset_config", "two"});
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  const io::SafetensorsFile file = embeddings(dir.path());
  CHECK(file.at("labels", DType::f32, {1, 1}).as<float>()[0] == 7.F);
  const io::Metadata& metadata = file.metadata();
  CHECK(metadata.at("dataset_config") == "two");
  CHECK(metadata.at("weights_fingerprint").size() == 64);
  CHECK(metadata.at("allow_special_in_content") == "false");
  CHECK(metadata.at("template_date").empty());  // the demo's template does not use the date
}

TEST_CASE("a dropped row takes its prompt and weight with it", "[e2e]") {
  const TempDir dir;
  std::string words;
  for (int i = 0; i < 200; ++i) words += "word ";
  const std::string rows =
      row("p", words, "1,\"w\":9") + row("q", "x", "2,\"w\":2") + row("r", "x", "3,\"w\":3");
  REQUIRE(prepare(dir.path(), rows, {"--weight_column", "w", "--seq_len", "100"}).exit_code == 0);
  const io::SafetensorsFile file = embeddings(dir.path());
  const auto labels = file.at("labels", DType::f32, {2, 1}).as<float>();
  const auto weights = file.at("sample_weights", DType::f32, {2}).as<float>();
  CHECK(file.at("prompt_ids", DType::i64, {2}).numel() == 2);
  CHECK(std::equal(labels.begin(), labels.end(), weights.begin()));
}

TEST_CASE("without a weight column there are no weights", "[e2e]") {
  const TempDir dir;
  REQUIRE(prepare(dir.path(), row("p", "x", "1") + row("q", "x", "2"), {}).exit_code == 0);
  CHECK_FALSE(embeddings(dir.path()).contains("sample_weights"));
}

TEST_CASE("weights that cannot be used name their row", "[e2e]") {
  const auto refused = [](const std::string& rest, const std::string& flag, int exit_code,
                          const std::string& says) {
    const TempDir dir;
    const ProcessResult result =
        prepare(dir.path(), row("p", "x", "1,\"w\":1") + row("q", "x", rest), {"--weight_column", flag});
    INFO(result.err);
    CHECK(result.exit_code == exit_code);
    CHECK(result.err.find(says) != std::string::npos);
    CHECK_FALSE(fs::exists(dir / "root"));
  };
  refused("2,\"w\":-1", "w", 4, "row 1: w: the weight is -1; every row needs");
  refused("2", "w", 4, "row 1: w: the weight is missing");
  refused("2", "v", 4, "v");
  refused("2", "a", 2, "--weight_column: 'a' is one of --attributes");
}
