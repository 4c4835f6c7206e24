// --fp8_accumulate over complete runs on the CPU, which sums exactly: refused where it does not apply,
// recorded, the same in all shards of a set, and taken from an export.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

using Flags = std::vector<std::string>;

ProcessResult prepare(const fs::path& root, const std::string& precision, const Flags& more) {
  Flags flags = stage_flags("stage1-prepare", demo_dir(), root);
  *(std::find(flags.begin(), flags.end(), "--precision") + 1) = precision;
  flags.insert(flags.end(), more.begin(), more.end());
  return run_program("stage1-prepare", flags);
}

fs::path shard_path(const fs::path& root, int shard) {
  return root / ("embeddings/model/multi-objective-0000" + std::to_string(shard) + "-of-00002.safetensors");
}

void must(const ProcessResult& result) {
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
}

// In place, of the same length.
void pretend(const fs::path& file, const std::string& from, const std::string& to) {
  replace_in_file(file, from, to + std::string(from.size() - to.size(), ' '));
  digest_again(file);
}

}  // namespace

TEST_CASE("an accumulation that does not apply is refused before anything is read", "[e2e]") {
  const TempDir dir;
  const Flags fast{"--model_path", "nowhere", "--fp8_accumulate", "fast"};
  const auto with = [&](const Flags& more) {
    Flags flags = fast;
    flags.insert(flags.end(), more.begin(), more.end());
    return flags;
  };
  for (const char* program : {"stage1-prepare", "stage2-prepare", "score"}) {
    CAPTURE(program);
    const ProcessResult bf16 = run_program(program, fast);
    CHECK(bf16.exit_code == 2);
    CHECK_THAT(bf16.err, Contains("--fp8_accumulate: fast is for products of fp8, but --precision is bf16"));
    const ProcessResult cpu = run_program(program, with({"--precision", "fp8", "--device", "-1"}));
    CHECK(cpu.exit_code == 2);
    CHECK_THAT(cpu.err, Contains("--fp8_accumulate: fast is for GPUs, but --device is -1"));
    CHECK(run_program(program, {"--model_path", "nowhere", "--fp8_accumulate", "slow"}).exit_code == 2);
    write_text(dir / "config.json", R"({"common": {"fp8_accumulate": "exact"}})");
    const ProcessResult config =
        run_program(program, {"--model_path", "nowhere", "--config", (dir / "config.json").string()});
    CHECK(config.exit_code == 2);
    CHECK_THAT(config.err, Contains("--fp8_accumulate: exact is for products of fp8"));
  }
}

TEST_CASE("fp8 on the CPU is recorded as exact, and its shards need the same", "[e2e]") {
  const TempDir root;
  const auto shard = [&](int k, const Flags& more = {}) {
    Flags flags{"--n_shards", "2", "--shard_idx", std::to_string(k)};
    flags.insert(flags.end(), more.begin(), more.end());
    return prepare(root.path(), "fp8", flags);
  };
  const ProcessResult plan = shard(1, {"--dry_run"});
  must(plan);
  CHECK_THAT(plan.out, Contains("fp8 with exact accumulation"));
  const ProcessResult made = shard(1);
  must(made);
  CHECK_THAT(made.err, Contains("fp8 accumulation: exact") && Contains("the embeddings of fp8 deviate by"));
  const io::Metadata metadata = io::SafetensorsFile::open(shard_path(root.path(), 1)).metadata();
  CHECK(metadata.at("fp8_accumulate") == "exact");
  CHECK_THAT(metadata.at("deviation"), Contains("of bf16"));
  CHECK_THAT(shard(1).out, Contains("complete already"));

  pretend(shard_path(root.path(), 1), R"("fp8_accumulate":"exact")", R"("fp8_accumulate":"fast")");
  const ProcessResult refused = shard(2);
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, Contains("--fp8_accumulate") &&
                              Contains("was made with fast, which device -1 lacks") &&
                              Contains("multi-objective-00001-of-00002"));
  CHECK_FALSE(fs::exists(shard_path(root.path(), 2)));
  must(shard(2, {"--restart", "--fp8_accumulate", "exact"}));
  const ProcessResult fit = run_program("stage1-train", stage_flags("stage1-train", demo_dir(), root.path()));
  CHECK(fit.exit_code == 4);
  CHECK_THAT(fit.err, Contains("fp8_accumulate is 'exact'") && Contains("'fast'"));
}

TEST_CASE("bf16 embeddings record no accumulation", "[e2e]") {
  const TempDir root;
  must(prepare(root.path(), "bf16", {"--n_shards", "2"}));
  CHECK_FALSE(io::SafetensorsFile::open(shard_path(root.path(), 1)).metadata().contains("fp8_accumulate"));
}

TEST_CASE("an export records the accumulation of its embeddings, and score takes it", "[e2e]") {
  const TempDir dir;
  copy_tree(demo_run() / "embeddings", dir / "root/embeddings");
  copy_tree(demo_run() / "regression_weights", dir / "root/regression_weights");
  // As a version without --fp8_accumulate makes fp8 embeddings.
  for (const auto& entry : fs::directory_iterator(dir / "root/embeddings/model"))
    if (entry.path().extension() == ".safetensors")
      pretend(entry.path(), R"("precision":"fp32")", R"("precision":"fp8")");
  Flags flags = stage_flags("stage2-train", demo_dir(), dir / "root");
  flags.insert(flags.end(), {"--accept_differences", "precision", "--export", (dir / "rm").string()});
  must(run_program("stage2-train", flags));
  const json report = json::parse(io::read_text_file(dir / "root/gating_network_model.json"));
  CHECK(report.dump().find(R"("fp8_accumulate":"exact")") != std::string::npos);
  CHECK(json::parse(io::read_text_file(dir / "rm/config.json")).at("fp8_accumulate") == "exact");

  write_text(dir / "in.jsonl", "{\"prompt\":\"a\",\"response\":\"b\"}\n");
  const auto score = [&](const std::string& precision) {
    return run_program("score", {"--model_path", (dir / "rm").string(), "--device", "-1", "--precision",
                                 precision, "--input", (dir / "in.jsonl").string()});
  };
  const ProcessResult trained = score("fp8");
  must(trained);
  CHECK_THAT(trained.err,
             Contains("fp8 accumulation: exact, as in the training") && !Contains("fp8_accumulate"));
  const ProcessResult other = score("bf16");
  must(other);
  CHECK_THAT(other.err, !Contains("fp8 accumulation"));

  json config = json::parse(io::read_text_file(dir / "rm/config.json"));
  config["fp8_accumulate"] = "fast";
  const auto score_with = [&](const json& changed) {
    write_text(dir / "rm/config.json", changed.dump());
    return run_program("score", {"--model_path", (dir / "rm").string(), "--device", "-1", "--precision",
                                 "fp8", "--input", (dir / "in.jsonl").string(), "--verify", "off"});
  };
  const ProcessResult fast = score_with(config);
  must(fast);
  CHECK_THAT(fast.err, Contains("fp8 accumulation: exact; the training's, fast, is not that of this device"));
  config["fp8_accumulate"] = "slow";
  const ProcessResult unknown = score_with(config);
  CHECK(unknown.exit_code == 4);
  CHECK_THAT(unknown.err, Contains("fp8_accumulate") && Contains("slow") && Contains("fast or exact"));
}
