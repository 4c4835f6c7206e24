// --status for a run that is in progress, killed and finished.
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "e2e/demo_fixture.h"
#include "io/safetensors.h"
#include "stages/resume/journal.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

// Many passes, each durable.
std::vector<std::string> slow_flags(const fs::path& root) {
  std::vector<std::string> flags = stage_flags("stage1-prepare", demo_dir(), root);
  for (const char* flag :
       {"--batch_tokens", "300", "--checkpoint_seconds", "0", "--threads", "1", "--n_shards", "2"})
    flags.emplace_back(flag);
  return flags;
}

nlohmann::json status_of(const fs::path& root, const std::vector<std::string>& more = {}) {
  std::vector<std::string> flags = slow_flags(root);
  flags.insert(flags.end(), {"--status", "--json"});
  flags.insert(flags.end(), more.begin(), more.end());
  const ProcessResult result = run_program("stage1-prepare", flags);
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return nlohmann::json::parse(result.out);
}

// Stops the run when some chunks are durable; false when it ended before.
bool stop_midway(const ChildProcess& run, const fs::path& target) {
  while (!fs::exists(target)) {
    const auto journal = stages::resume::read_journal(target.string() + ".journal");
    if (journal && journal->chunks.size() >= 4) {
      run.signal(SIGSTOP);
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return false;
}

}  // namespace

TEST_CASE("the status tells how far a shard is while it is made, when it is killed, and when it is done",
          "[e2e]") {
  const TempDir dir;
  const fs::path root = dir / "root";
  const fs::path target = root / "embeddings/model/multi-objective-00001-of-00002.safetensors";
  CHECK(status_of(root)["sets"][0]["missing"] == 2);
  CHECK_FALSE(fs::exists(root));  // status creates nothing

  ChildProcess run("stage1-prepare", slow_flags(root));
  REQUIRE(stop_midway(run, target));
  const nlohmann::json running = status_of(root)["sets"][0]["shards"][0];
  CHECK(running["state"] == "running");
  CHECK(running["owner"]["process"] == run.id());
  CHECK(running["rows"] == 200);
  CHECK(running["rows_done"] > 0);
  CHECK(running["rows_done"] < 200);
  CHECK(running["tokens_done"] < running["tokens"]);
  CHECK(running["rows_per_second"] > 0);
  CHECK(running["seconds_left"] > 0);

  run.signal(SIGKILL);
  run.wait();
  const nlohmann::json interrupted = status_of(root)["sets"][0]["shards"][0];
  CHECK(interrupted["state"] == "interrupted");
  CHECK(interrupted["rows_done"] == running["rows_done"]);

  REQUIRE(run_program("stage1-prepare", slow_flags(root)).exit_code == 0);
  const nlohmann::json overview = status_of(root, {"--all_sets"})["sets"];
  REQUIRE(overview.size() == 1);
  CHECK(overview[0]["done"] == 1);
  CHECK(overview[0]["missing"] == 1);
  CHECK(overview[0]["rows_done"] == io::SafetensorsFile::open(target).at("row_ids").shape[0]);
  CHECK(overview[0]["rows"] == 400);  // estimated for the other
}

TEST_CASE("the status has tables, and its flags need it", "[e2e]") {
  const std::string one =
      run_stage("stage2-prepare", demo_run(), {"--dataset_path", "preference", "--status"}).out;
  CHECK_THAT(one, Catch::Contains("preference-train") && Catch::Contains("1 of 1   done") &&
                      Catch::Contains("200 of 200 rows"));
  const std::string all = run_stage("stage1-prepare", demo_run(), {"--status", "--all_sets"}).out;
  for (const char* text : {"model/multi-objective", "model/preference-train", "model/reference-train",
                           "model/reward-bench-filtered", "trained: ", "gating_network_model.pt"})
    CHECK_THAT(all, Catch::Contains(text));
  for (const char* flag : {"--json", "--all_sets"}) {
    const ProcessResult alone = run_program("stage1-prepare", {flag});
    CHECK(alone.exit_code == 2);
    CHECK_THAT(alone.err, Catch::Contains(std::string(flag) + ": belongs to --status"));
  }
  const TempDir empty;
  CHECK(run_program("stage1-prepare", {"--status", "--all_sets", "--data_root", empty.path().string()})
            .exit_code == 3);
}
