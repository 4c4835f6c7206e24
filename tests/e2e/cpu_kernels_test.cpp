// --kernels over complete runs: measured once, recorded, and the same in all shards of a set.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "armorm/stage1_prepare.h"
#include "core/error.h"
#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "stages/resume/journal.h"
#include "support/error_of.h"
#include "support/fixed_kernels.h"
#include "support/log_capture.h"

using namespace armorm;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

using Flags = std::vector<std::string>;

// Every processor has libtorch; most have others besides.
bool has_a_choice() { return model::available_kernels(Precision::fp32, false).size() > 1; }

std::string other_than_libtorch() {
  for (const CpuKernels kernels : model::available_kernels(Precision::fp32, false))
    if (kernels != CpuKernels::libtorch) return std::string(name_of(kernels));
  return "libtorch";
}

Flags flags_with(const std::string& program, const fs::path& root, const std::string& kernels,
                 const Flags& more) {
  Flags flags = stage_flags(program, demo_dir(), root);
  *(std::find(flags.begin(), flags.end(), "--kernels") + 1) = kernels;
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

ProcessResult prepare(const fs::path& root, const std::string& kernels, const Flags& more = {}) {
  return run_program("stage1-prepare", flags_with("stage1-prepare", root, kernels, more));
}

ProcessResult prepare_shard(const fs::path& root, const std::string& kernels, int shard,
                            const Flags& more = {}) {
  Flags flags{"--n_shards", "2", "--shard_idx", std::to_string(shard)};
  flags.insert(flags.end(), more.begin(), more.end());
  return prepare(root, kernels, flags);
}

fs::path shard_path(const fs::path& root, int shard, int of) {
  return root / ("embeddings/model/multi-objective-0000" + std::to_string(shard) + "-of-0000" +
                 std::to_string(of) + ".safetensors");
}

std::string kernels_of(const fs::path& shard) {
  return io::SafetensorsFile::open(shard).metadata().at("cpu_kernels");
}

void must(const ProcessResult& result) {
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
}

// Sets all measured rates to rate_of(precision, kernels), in GFLOP/s.
template <class Rate>
void set_rates(const fs::path& root, const Rate& rate_of) {
  const fs::path file = root / "cpu_kernels.json";
  json content = json::parse(io::read_text_file(file));
  for (json& entry : content.at("measured"))
    for (auto& [name, rate] : entry.at("gflops").items())
      rate = rate_of(entry.at("work").at("precision").get<std::string>(), name);
  write_text(file, content.dump());
}

void prefer_libtorch(const fs::path& root) {
  set_rates(root, [](const std::string&, const std::string& name) { return name == "libtorch" ? 1e6 : 1.0; });
}

}  // namespace

TEST_CASE("auto measures once, and later runs take the choice from the data root", "[e2e]") {
  if (!has_a_choice()) ARMORM_SKIP("this processor has one kind of kernels");
  const TempDir root;
  const ProcessResult first = prepare(root.path(), "auto");
  must(first);
  CHECK_THAT(first.err, Contains("CPU kernels: ") && Contains("measured, kept in"));
  const std::string chosen = kernels_of(shard_path(root.path(), 1, 1));
  CHECK(chosen != "auto");
  const json content = json::parse(io::read_text_file(root / "cpu_kernels.json"));
  REQUIRE(content.at("measured").size() == 1);
  const json& entry = content.at("measured").at(0);
  CHECK(entry.at("gflops").at(chosen) > 0.0);
  CHECK(entry.at("work").at("precision") == "fp32");
  CHECK(entry.at("work").at("hidden_size") == "256");

  prefer_libtorch(root.path());
  const ProcessResult again = prepare(root.path(), "auto");
  CHECK_THAT(again.out, Contains("complete already"));
  CHECK_THAT(again.err, Contains("CPU kernels: " + chosen + ", as "));
  const ProcessResult anew = prepare(root.path(), "auto", {"--restart"});
  must(anew);
  CHECK_THAT(anew.err, Contains("CPU kernels: libtorch") && Contains("by " + root.path().string()));
  CHECK(kernels_of(shard_path(root.path(), 1, 1)) == "libtorch");

  write_text(root / "cpu_kernels.json", "{");
  const ProcessResult damaged = prepare(root.path(), "auto", {"--restart"});
  must(damaged);
  CHECK_THAT(damaged.err, Contains("measured again"));
  CHECK(json::parse(io::read_text_file(root / "cpu_kernels.json")).at("measured").size() == 1);
}

TEST_CASE("a dry run names kernels and their rate, and keeps nothing", "[e2e]") {
  if (!has_a_choice()) ARMORM_SKIP("this processor has one kind of kernels");
  const TempDir root;
  for (const char* kernels : {"auto", "libtorch"}) {
    const ProcessResult plan = prepare(root.path(), kernels, {"--dry_run"});
    must(plan);
    CHECK_THAT(plan.out, Contains("GFLOP/s that the kernels ") && !Contains("kernels auto"));
    CHECK(fs::is_empty(root.path()));
  }
}

TEST_CASE("later shards take the kernels of the first, or stop", "[e2e]") {
  if (!has_a_choice()) ARMORM_SKIP("this processor has one kind of kernels");
  const TempDir root;
  must(prepare_shard(root.path(), "libtorch", 1));
  const std::string other = other_than_libtorch();
  const ProcessResult refused = prepare_shard(root.path(), other, 2);
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, Contains("--kernels") && Contains("libtorch") && Contains(other) &&
                              Contains("multi-objective-00001-of-00002"));
  CHECK_FALSE(fs::exists(shard_path(root.path(), 2, 2)));
  const ProcessResult second = prepare_shard(root.path(), "auto", 2);
  must(second);
  CHECK_THAT(second.err,
             Contains("CPU kernels: libtorch, as ") && Contains("multi-objective-00001-of-00002"));
  CHECK(kernels_of(shard_path(root.path(), 2, 2)) == "libtorch");
  CHECK_FALSE(fs::exists(root / "cpu_kernels.json"));

  const ProcessResult anew = prepare_shard(root.path(), other, 2, {"--restart"});
  must(anew);
  CHECK_THAT(anew.err, Contains("all shards of a set need the same"));
  CHECK(kernels_of(shard_path(root.path(), 2, 2)) == other);
  const ProcessResult fit = run_program("stage1-train", stage_flags("stage1-train", demo_dir(), root.path()));
  CHECK(fit.exit_code == 4);
  CHECK_THAT(fit.err, Contains("cpu_kernels is '" + other + "'") && Contains("'libtorch'"));
}

TEST_CASE("a shard whose set has kernels of another processor stops", "[e2e]") {
  const TempDir root;
  must(prepare_shard(root.path(), "libtorch", 1));
  // As a later version on a later processor would write it.
  replace_in_file(shard_path(root.path(), 1, 2), R"("cpu_kernels":"libtorch")",
                  R"("cpu_kernels":"avx1024b")");
  const ProcessResult refused = prepare_shard(root.path(), "auto", 2);
  CHECK(refused.exit_code == 2);
  CHECK_THAT(refused.err, Contains("--kernels") && Contains("avx1024b") && Contains("libtorch"));
  // Shards of another precision are another set's.
  if (can_be_batch_invariant()) must(prepare_shard(root.path(), "auto", 2, {"--batch_invariant"}));
}

TEST_CASE("a shard does not fail for another one that cannot be read", "[e2e]") {
  const TempDir root;
  const fs::path other = shard_path(root.path(), 1, 2);
  fs::create_directories(other);
  const ProcessResult beside_folder = prepare_shard(root.path(), "libtorch", 2);
  must(beside_folder);
  CHECK_THAT(beside_folder.err, Contains(other.string()) && Contains("are not compared"));
  fs::remove(other);
  write_text(other, "damaged");
  const ProcessResult beside_damage = prepare_shard(root.path(), "auto", 2, {"--restart"});
  must(beside_damage);
  CHECK_THAT(beside_damage.err, Contains(other.string()) && Contains("are not compared"));
}

TEST_CASE("an interrupted run resumes with its own kernels", "[e2e]") {
  if (!has_a_choice()) ARMORM_SKIP("this processor has one kind of kernels");
  const TempDir root;
  Stage1PrepareOptions options;
  options.extraction.model_path = (demo_dir() / "model").string();
  options.extraction.device = -1;
  options.extraction.threads = 1;
  options.extraction.batch_tokens = 400;
  options.extraction.checkpoint_seconds = 0;
  options.extraction.data_root = root.path().string();
  options.dataset_path = (demo_dir() / "multi-objective").string();
  const fs::path target = shard_path(root.path(), 1, 1);
  const auto one_pass_is_safe = [&] {
    const auto journal = stages::resume::read_journal(target.string() + ".journal");
    return journal && !journal->chunks.empty();
  };
  CHECK_THAT(error_of([&] { run_stage1_prepare(options, one_pass_is_safe); }, ErrorKind::interrupted),
             Contains("the same command"));
  const json measured = json::parse(io::read_text_file(root / "cpu_kernels.json"));
  prefer_libtorch(root.path());
  std::vector<std::string> lines;
  {
    const LogCapture capture(lines);
    run_stage1_prepare(options);
  }
  const bool resumed = std::ranges::any_of(
      lines, [](const std::string& line) { return line.find("resuming an") != std::string::npos; });
  CHECK(resumed);
  CHECK(measured.at("measured").at(0).at("gflops").contains(kernels_of(target)));
  // Other kernels are not resumed with.
  fs::remove(target);
  options.extraction.kernels = CpuKernels::libtorch;
  error_of([&] { run_stage1_prepare(options, one_pass_is_safe); }, ErrorKind::interrupted);
  options.extraction.kernels = model::available_kernels(Precision::bf16, false).front();
  if (options.extraction.kernels == CpuKernels::libtorch)
    options.extraction.kernels = model::available_kernels(Precision::bf16, false).back();
  CHECK_THAT(error_of([&] { run_stage1_prepare(options); }, ErrorKind::data),
             Contains("--kernels (libtorch then"));
}

TEST_CASE("score works on a processor without kernels for batch_invariant, and warns", "[e2e]") {
  const TempDir dir;
  write_text(dir / "in.jsonl", "{\"prompt\":\"a\",\"response\":\"b\"}\n");
  const ProcessResult result =
      run_program("/usr/bin/env", {"ATEN_CPU_CAPABILITY=default", (bin_dir() / "score").string(),
                                   "--model_path", demo_export().string(), "--device", "-1", "--precision",
                                   "fp32", "--input", (dir / "in.jsonl").string()});
  must(result);
  CHECK_THAT(result.err, Contains("--batch_invariant: on a CPU it needs AVX2"));
}

TEST_CASE("kernels that do not apply are refused before anything is read", "[e2e]") {
  const TempDir root;
  for (const char* program : {"stage1-prepare", "stage2-prepare", "stage2-train"}) {
    CAPTURE(program);
    Flags flags = flags_with(program, root.path(), "libtorch", {});
    *(std::find(flags.begin(), flags.end(), "--device") + 1) = "0";
    const ProcessResult gpu = run_program(program, flags);
    CHECK(gpu.exit_code == 2);
    CHECK_THAT(gpu.err, Contains("--kernels: libtorch") && Contains("--device is 0"));
  }
  if (!can_be_batch_invariant()) return;
  const ProcessResult score = run_program("score", {"--model_path", "nowhere", "--kernels", "libtorch"});
  CHECK(score.exit_code == 2);
  CHECK_THAT(score.err, Contains("--kernels: libtorch"));
}

TEST_CASE("a gate records its kernels, its export those of the embeddings, and score takes them", "[e2e]") {
  const TempDir dir;
  copy_tree(demo_run() / "embeddings", dir / "root/embeddings");
  copy_tree(demo_run() / "regression_weights", dir / "root/regression_weights");
  must(run_program("stage2-train", flags_with("stage2-train", dir / "root", "libtorch",
                                              {"--export", (dir / "rm").string()})));
  const json report = json::parse(io::read_text_file(dir / "root/gating_network_model.json"));
  CHECK(report.at("options").at("kernels") == "libtorch");
  const json config = json::parse(io::read_text_file(dir / "rm/config.json"));
  CHECK(config.at("cpu_kernels") == fixed_kernels_name());
  CHECK(config.at("cpu_kernels_precision") == "fp32");

  write_text(dir / "in.jsonl", "{\"prompt\":\"a\",\"response\":\"b\"}\n");
  const auto score = [&](const Flags& more) {
    Flags flags{"--model_path", (dir / "rm").string(),      "--device", "-1",
                "--input",      (dir / "in.jsonl").string()};
    flags.insert(flags.end(), more.begin(), more.end());
    const ProcessResult result = run_program("score", flags);
    must(result);
    return result;
  };
  const ProcessResult trained = score({"--precision", "fp32"});
  CHECK_THAT(trained.err, Contains("CPU kernels: " + fixed_kernels_name() + ", as in the training") &&
                              !Contains("cpu_kernels"));
  CHECK(trained.out == score({"--precision", "fp32", "--kernels", fixed_kernels_name()}).out);
  CHECK_THAT(score({}).err, Contains("CPU kernels: ") && !Contains("as in the training"));
}

TEST_CASE("a gate in bfloat16 where float32 is faster is warned of", "[e2e]") {
  if (!has_a_choice()) ARMORM_SKIP("this processor has one kind of kernels");
  const TempDir root;
  copy_tree(demo_run() / "embeddings", root / "embeddings");
  copy_tree(demo_run() / "regression_weights", root / "regression_weights");
  const auto train = [&] {
    ProcessResult result = run_program("stage2-train", flags_with("stage2-train", root.path(), "auto",
                                                                  {"--precision", "bf16", "--restart"}));
    must(result);
    return result.err;
  };
  CHECK_THAT(train(), Contains("gate, measured, kept in"));
  set_rates(root.path(), [](const std::string& precision, const std::string&) {
    return precision == "bf16" ? 50.0 : 80.0;
  });
  CHECK_THAT(train(), Contains("--precision bf16: the gate's products reach 50 GFLOP/s") &&
                          Contains("--precision fp32 is faster"));
  set_rates(root.path(), [](const std::string& precision, const std::string&) {
    return precision == "bf16" ? 80.0 : 50.0;
  });
  CHECK_THAT(train(), !Contains("--precision fp32 is faster"));
}
