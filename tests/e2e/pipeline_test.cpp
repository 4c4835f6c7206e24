// The four executables, end to end on a small demo.
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "core/numpy_random.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

fs::path embeddings(const fs::path& root, const std::string& name) {
  return root / "embeddings" / "model" / name;
}

std::vector<std::int64_t> row_ids(const io::SafetensorsFile& file) {
  const auto ids = file.at("row_ids", DType::i64, {-1}).as<std::int64_t>();
  return {ids.begin(), ids.end()};
}

// row id -> its bytes in `tensor`
std::map<std::int64_t, std::string> rows_by_id(const fs::path& path, const std::string& tensor) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  const io::TensorView view = file.at(tensor);
  const auto ids = row_ids(file);
  const std::size_t row_bytes = view.bytes.size() / ids.size();
  std::map<std::int64_t, std::string> rows;
  for (std::size_t i = 0; i < ids.size(); ++i)
    rows[ids[i]] = {reinterpret_cast<const char*>(view.bytes.data()) + i * row_bytes, row_bytes};
  return rows;
}

float largest_difference(const std::string& a, const std::string& b) {
  REQUIRE(a.size() == b.size());
  float largest = 0;
  for (std::size_t i = 0; i < a.size(); i += 2) {
    BFloat16 x, y;
    std::memcpy(&x.bits, a.data() + i, 2);
    std::memcpy(&y.bits, b.data() + i, 2);
    largest = std::max(largest, std::abs(x.to_float() - y.to_float()));
  }
  return largest;
}

}  // namespace

TEST_CASE("stage1-prepare writes every row once, in the order of the published shuffle", "[e2e]") {
  const auto file =
      io::SafetensorsFile::open(embeddings(demo_run(), "multi-objective-00001-of-00001.safetensors"));
  const std::int64_t n = file.at("embeddings").shape[0];
  CHECK(n == 400);
  CHECK(row_ids(file) == pcg64_permutation(0, n));
  CHECK(file.at("embeddings").dtype == DType::bf16);
  CHECK(file.at("labels", DType::f32, {n, 19}).numel() == n * 19);
  CHECK(file.metadata().at("rows") == "400");
  CHECK(nlohmann::json::parse(file.metadata().at("attributes")).size() == 19);
}

TEST_CASE("two shards hold the rows of one run", "[e2e]") {
  const TempDir root;
  std::map<std::int64_t, std::string> apart, labels;
  for (const std::string k : {"1", "2"}) {
    run_stage("stage1-prepare", root.path(), {"--n_shards", "2", "--shard_idx", k});
    const fs::path shard = embeddings(root.path(), "multi-objective-0000" + k + "-of-00002.safetensors");
    apart.merge(rows_by_id(shard, "embeddings"));
    labels.merge(rows_by_id(shard, "labels"));
  }
  const fs::path whole = embeddings(demo_run(), "multi-objective-00001-of-00001.safetensors");
  CHECK(labels == rows_by_id(whole, "labels"));
  const auto together = rows_by_id(whole, "embeddings");
  REQUIRE(apart.size() == together.size());
  for (const auto& [id, row] : together) {
    INFO("row " << id);
    CHECK(largest_difference(apart.at(id), row) <= 0.02F);  // one step of bf16 at these magnitudes
  }
}

TEST_CASE("the budget of a pack does not change the embeddings", "[e2e]") {
  const TempDir root;
  run_stage("stage1-prepare", root.path(), {"--batch_tokens", "1"});
  const auto alone =
      rows_by_id(embeddings(root.path(), "multi-objective-00001-of-00001.safetensors"), "embeddings");
  for (const auto& [id, row] :
       rows_by_id(embeddings(demo_run(), "multi-objective-00001-of-00001.safetensors"), "embeddings"))
    CHECK(largest_difference(alone.at(id), row) <= 0.02F);
}

TEST_CASE("stage2-prepare keeps pairs in order and shares a prompt's embedding between its sides", "[e2e]") {
  const auto file = io::SafetensorsFile::open(embeddings(demo_run(), "preference-train.safetensors"));
  const io::TensorView prompts = file.at("prompt_embeddings");
  REQUIRE(prompts.shape.size() == 3);
  REQUIRE(prompts.shape[1] == 2);
  std::vector<std::int64_t> expected(static_cast<std::size_t>(prompts.shape[0]));
  for (std::size_t i = 0; i < expected.size(); ++i) expected[i] = static_cast<std::int64_t>(i);
  CHECK(row_ids(file) == expected);
  const auto values = prompts.as<BFloat16>();
  const auto d = static_cast<std::size_t>(prompts.shape[2]);
  for (std::size_t pair = 0; pair < expected.size(); ++pair)
    CHECK(std::equal(values.begin() + static_cast<std::ptrdiff_t>(2 * pair * d),
                     values.begin() + static_cast<std::ptrdiff_t>((2 * pair + 1) * d),
                     values.begin() + static_cast<std::ptrdiff_t>((2 * pair + 1) * d)));
  const auto sides = file.at("embeddings").as<BFloat16>();
  CHECK_FALSE(std::equal(sides.begin(), sides.begin() + static_cast<std::ptrdiff_t>(d),
                         sides.begin() + static_cast<std::ptrdiff_t>(d)));
}

TEST_CASE("RewardBench rows keep their subset", "[e2e]") {
  const auto file = io::SafetensorsFile::open(embeddings(demo_run(), "reward-bench-filtered.safetensors"));
  const auto names =
      nlohmann::json::parse(file.metadata().at("subset_names")).get<std::vector<std::string>>();
  CHECK(names.size() > 10);
  for (const std::int64_t id : file.at("subset_ids", DType::i64, {-1}).as<std::int64_t>())
    CHECK((id >= 0 && id < static_cast<std::int64_t>(names.size())));
}

TEST_CASE("a pair with a side over seq_len is dropped, counted and recorded", "[e2e]") {
  const TempDir root;
  run_stage("stage2-prepare", root.path(),
            {"--dataset_path", (demo_dir() / "preference").string(), "--seq_len", "70"});
  const auto file = io::SafetensorsFile::open(embeddings(root.path(), "preference-train.safetensors"));
  const auto dropped = nlohmann::json::parse(file.metadata().at("dropped"))["a side longer than seq_len"];
  CHECK(dropped.size() > 0);
  CHECK(row_ids(file).size() > 0);
  CHECK(row_ids(file).size() + dropped.size() == 200);
  const auto kept_list = row_ids(file);
  const std::set<std::int64_t> kept(kept_list.begin(), kept_list.end());
  for (const auto& id : dropped) CHECK_FALSE(kept.contains(id.get<std::int64_t>()));
}

TEST_CASE("training twice with one seed gives the same bytes, another seed gives others", "[e2e]") {
  const TempDir dir;
  copy_tree(demo_run(), dir / "a");
  copy_tree(demo_run(), dir / "b");
  run_stage("stage2-train", dir / "a", {});
  run_stage("stage2-train", dir / "b", {"--seed", "1"});
  const auto gate = [](const fs::path& root) { return io::read_text_file(root / "gating_network_model.pt"); };
  CHECK(gate(dir / "a") == gate(demo_run()));
  CHECK(gate(dir / "b") != gate(demo_run()));
}

TEST_CASE("the sets of one model folder get one name, however it is written", "[e2e]") {
  const TempDir root;
  std::vector<std::string> flags = stage_flags("stage1-prepare", demo_dir(), root.path());
  for (std::string& flag : flags)
    if (flag.ends_with("/model") || flag.ends_with("/multi-objective")) flag += "/";
  CHECK(run_program("stage1-prepare", flags).exit_code == 0);
  CHECK(fs::exists(embeddings(root.path(), "multi-objective-00001-of-00001.safetensors")));
}

TEST_CASE("each program has a section of its own in a config file, and takes log_level from it", "[e2e]") {
  const TempDir dir;
  for (const std::string program :
       {"stage1-prepare", "stage1-train", "stage2-prepare", "stage2-train", "score"}) {
    INFO(program);
    const fs::path config = dir / (program + ".json");
    nlohmann::json sections{{"common", {{"log_level", "error"}}},
                            {program, {{"model_path", "/nonexistent"}}}};
    if (program != "stage1-train") sections[program]["device"] = -1;  // a missing GPU is an earlier error
    write_text(config, sections.dump());
    std::vector<std::string> flags{"--config", config.string()};
    if (program != "score") flags.insert(flags.end(), {"--data_root", dir.path().string()});
    const ProcessResult result = run_program(program, flags);
    CHECK(result.exit_code == 3);
    CHECK(result.err.find("/nonexistent") != std::string::npos);
    CHECK(result.err.find("info ") == std::string::npos);
  }
}
