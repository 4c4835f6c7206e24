// Finished files that were made from other inputs are replaced only with --restart.
#include <functional>
#include <nlohmann/json.hpp>

#include "e2e/demo_fixture.h"
#include "io/content_digests.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/fixed_kernels.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

using Flags = std::vector<std::string>;

std::string labelled_rows(const std::string& answer) {
  std::string text;
  for (int i = 0; i < 6; ++i)
    text += R"({"messages":[{"role":"user","content":"q"},{"role":"assistant","content":")" + answer +
            std::to_string(i) + R"("}],"a":)" + std::to_string(i) + R"(,"b":1})" + "\n";
  return text;
}

ProcessResult prepare(const TempDir& dir, const std::string& set, const Flags& more) {
  Flags flags{"--model_path",   (demo_dir() / "model").string(),
              "--device",       "-1",
              "--kernels",      fixed_kernels_name(),
              "--dataset_path", (dir / set).string(),
              "--data_root",    (dir / "root").string(),
              "--threads",      "1"};
  flags.insert(flags.end(), more.begin(), more.end());
  return run_program("stage1-prepare", flags);
}

void check_refused(const ProcessResult& result, const Flags& says) {
  INFO(result.err);
  CHECK(result.exit_code == 4);
  for (const std::string& text : says) CHECK_THAT(result.err, Catch::Contains(text));
  CHECK_THAT(result.err, Catch::Contains("made from other inputs") && Catch::Contains("--restart"));
}

// Files of the Python scripts and of earlier versions.
void check_unknown(const ProcessResult& result, const std::string& flag) {
  INFO(result.err);
  CHECK(result.exit_code == 4);
  CHECK_THAT(result.err, Catch::Contains("does not record what it was made from") && Catch::Contains(flag) &&
                             Catch::Contains("--restart"));
}

void check_done(const ProcessResult& result) {
  INFO(result.err);
  CHECK(result.exit_code == 0);
}

// The same tensors with other metadata.
void change_metadata(const fs::path& path, const std::function<void(io::Metadata&)>& change) {
  const io::SafetensorsFile file = io::SafetensorsFile::open(path);
  std::vector<io::TensorSpec> specs;
  for (const std::string& name : file.names())
    specs.push_back({name, file.at(name).dtype, file.at(name).shape});
  io::Metadata metadata = file.metadata();
  change(metadata);
  io::SafetensorsWriter writer(
      path, specs, io::has_content_digests(metadata) ? io::with_reserved_digests(metadata, specs) : metadata);
  for (const io::TensorSpec& spec : specs) writer.write_at(spec.name, 0, file.at(spec.name).bytes);
  writer.publish();
}

void pretend_other_data(const fs::path& path) {
  change_metadata(path, [](io::Metadata& metadata) {
    REQUIRE(metadata.at("data_sha256").size() == 64);
    metadata["data_sha256"] = std::string(64, 'e');
  });
}

}  // namespace

TEST_CASE("embeddings of another data set of the same name are left as they are", "[e2e]") {
  const TempDir dir;
  for (const char* folder : {"a", "b", "c"}) fs::create_directories(dir / folder);
  write_text(dir / "a/x.jsonl", labelled_rows("one"));
  write_text(dir / "b/x.jsonl", labelled_rows("two"));
  write_text(dir / "c/x.jsonl", labelled_rows("one"));
  check_done(prepare(dir, "a/x.jsonl", {"--attributes", "a"}));
  fs::path shard;
  for (const auto& entry : fs::directory_iterator(dir / "root/embeddings/model"))
    if (entry.path().extension() == ".safetensors") shard = entry.path();
  const std::string before = io::read_text_file(shard);
  check_refused(prepare(dir, "b/x.jsonl", {"--attributes", "a"}), {"data (", "--data_root"});
  check_refused(prepare(dir, "a/x.jsonl", {"--attributes", "a,b"}), {"attributes (a then, a,b now)"});
  const ProcessResult moved = prepare(dir, "c/x.jsonl", {"--attributes", "a"});
  CHECK_THAT(moved.out, Catch::Contains("nothing to do"));
  CHECK(io::read_text_file(shard) == before);
  const auto check_other_options = [&](const std::string& says) {
    const ProcessResult result = prepare(dir, "a/x.jsonl", {"--attributes", "a", "--seed", "1"});
    INFO(result.err);
    CHECK(result.exit_code == 4);
    CHECK_THAT(result.err, Catch::Contains("made with other options") && Catch::Contains(says) &&
                               Catch::Contains("--data_root") && Catch::Contains("--restart"));
  };
  check_other_options(": --seed (0 then, 1 now), data set rows (");
  CHECK(io::read_text_file(shard) == before);
  change_metadata(shard, [](io::Metadata& metadata) { metadata.erase("made_with"); });  // of earlier versions
  check_other_options("which it does not record");
  check_done(prepare(dir, "b/x.jsonl", {"--attributes", "a", "--restart"}));
  check_refused(prepare(dir, "a/x.jsonl", {"--attributes", "a"}), {"data ("});

  change_metadata(shard, [](io::Metadata& metadata) { metadata = {{"format", "pt"}}; });
  check_unknown(prepare(dir, "a/x.jsonl", {"--attributes", "a"}), "--data_root");
  io::publish_text(shard, "damaged");
  check_done(prepare(dir, "a/x.jsonl", {"--attributes", "a"}));
}

TEST_CASE("weights of other embeddings are left as they are", "[e2e]") {
  const TempDir root;
  copy_tree(demo_run() / "embeddings", root / "embeddings");
  const auto train = [&](const Flags& more) {
    Flags flags = stage_flags("stage1-train", demo_dir(), root.path());
    flags.insert(flags.end(), more.begin(), more.end());
    return run_program("stage1-train", flags);
  };
  check_done(train({}));
  check_done(train({"--alphas", "1"}));
  const std::string before =
      io::read_text_file(root / "regression_weights/model_multi-objective.safetensors");
  pretend_other_data(root / "embeddings/model/multi-objective-00001-of-00001.safetensors");
  check_refused(train({}), {"data (", "--output_dir"});
  change_metadata(root / "embeddings/model/multi-objective-00001-of-00001.safetensors",
                  [](io::Metadata& metadata) { metadata["precision"] = "fp8"; });
  check_refused(train({}), {"precision (", "--output_dir"});
  CHECK(io::read_text_file(root / "regression_weights/model_multi-objective.safetensors") == before);
  check_done(train({"--output_dir", (root / "other").string()}));
  fs::remove(root / "other/model_multi-objective.safetensors");  // the Python scripts write only the .pt
  check_unknown(train({"--output_dir", (root / "other").string()}), "--output_dir");
  check_done(train({"--restart"}));
  CHECK(io::read_text_file(root / "regression_weights/model_multi-objective.safetensors") != before);
}

TEST_CASE("a gate and an export of other inputs are left as they are", "[e2e]") {
  const TempDir root;
  copy_tree(demo_run() / "embeddings", root / "embeddings");
  copy_tree(demo_run() / "regression_weights", root / "regression_weights");
  const auto train = [&](const Flags& more) {
    Flags flags = stage_flags("stage2-train", demo_dir(), root.path());
    flags.insert(flags.end(), {"--export", (root / "rm").string(), "--threads", "1"});
    flags.insert(flags.end(), more.begin(), more.end());
    return run_program("stage2-train", flags);
  };
  check_done(train({"--output_dir", (root / "one").string()}));
  check_done(train({"--output_dir", (root / "one").string(), "--learning_rate", "0.01"}));
  const std::string before = io::read_text_file(root / "one/gating_network_model.pt");
  pretend_other_data(root / "embeddings/model/preference-train.safetensors");
  const ProcessResult gate = train({"--output_dir", (root / "one").string()});
  check_refused(gate, {"gating_network_model.safetensors", "preference set: data (", "--output_dir"});
  CHECK_THAT(gate.err, !Catch::Contains("step "));
  CHECK(io::read_text_file(root / "one/gating_network_model.pt") == before);
  check_refused(train({"--output_dir", (root / "two").string()}), {"rm: is there already", "--export"});
  CHECK_FALSE(fs::exists(root / "two/gating_network_model.pt"));
  check_done(run_program("stage1-train", [&] {
    Flags flags = stage_flags("stage1-train", demo_dir(), root.path());
    flags.insert(flags.end(), {"--alphas", "1000"});
    return flags;
  }()));
  check_refused(train({"--output_dir", (root / "one").string()}), {"weights: values ("});
  check_done(train({"--output_dir", (root / "one").string(), "--restart"}));
  CHECK(io::read_text_file(root / "one/gating_network_model.pt") != before);

  change_metadata(root / "one/gating_network_model.safetensors",
                  [](io::Metadata& metadata) { metadata.erase("inputs"); });
  check_unknown(train({"--output_dir", (root / "one").string()}), "--output_dir");
  auto manifest = nlohmann::json::parse(io::read_text_file(root / "rm/armorm_export.json"));
  manifest.erase("inputs");
  io::publish_text(root / "rm/armorm_export.json", manifest.dump());
  check_unknown(train({"--output_dir", (root / "three").string()}), "--export");
}
