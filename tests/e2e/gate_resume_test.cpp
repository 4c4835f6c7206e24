// stage2-train interrupted during its training: the same command resumes, and its files equal those of an
// uninterrupted run.
#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kStem = "gating_network_model";

// Two seeds of 300 steps, saved after every step.
std::vector<std::string> flags_for(const fs::path& place, const std::vector<std::string>& more = {}) {
  std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), demo_run());
  for (const char* replaced : {"--n_steps", "--threads"})
    if (const auto at = std::find(flags.begin(), flags.end(), replaced); at != flags.end())
      flags.erase(at, at + 2);
  flags.insert(flags.end(), {"--output_dir", place.string(), "--threads", "1", "--n_steps", "300", "--seeds",
                             "2", "--select", "best", "--eval_every", "40", "--checkpoint_seconds", "0"});
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

struct Files {
  explicit Files(const fs::path& place) {
    for (const char* ending : {".pt", ".safetensors", ".json"})
      bytes += io::read_text_file((place / kStem).string() + ending);
    for (const auto& entry : fs::directory_iterator(place)) names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
  }
  std::string bytes;
  std::vector<std::string> names;
};

const Files& uninterrupted() {
  static const Files files = [] {
    const TempDir place;
    const ProcessResult result = run_program("stage2-train", flags_for(place.path()));
    if (result.exit_code != 0) throw std::runtime_error(result.err);
    return Files(place.path());
  }();
  return files;
}

void check_finished(const fs::path& place) {
  const Files files(place);
  CHECK(files.bytes == uninterrupted().bytes);
  CHECK(files.names == uninterrupted().names);
}

// Ends a training by a signal once it has been saved.
ProcessResult interrupt(const fs::path& place, int signal) {
  const fs::path checkpoint = place / (std::string(kStem) + ".checkpoint");
  ChildProcess run("stage2-train", flags_for(place));
  while (!fs::exists(checkpoint)) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  run.signal(signal);
  return run.wait();
}

}  // namespace

TEST_CASE("SIGTERM and SIGUSR1 end a gate training with code 75, and it goes on", "[e2e]") {
  for (const int signal : {SIGTERM, SIGUSR1}) {
    const TempDir place;
    const ProcessResult stopped = interrupt(place.path(), signal);
    CHECK(stopped.exit_code == 75);
    CHECK(stopped.err.find("the same command resumes") != std::string::npos);
    CHECK_FALSE(fs::exists(place / (std::string(kStem) + ".pt")));
    const ProcessResult rest = run_program("stage2-train", flags_for(place.path()));
    CHECK(rest.exit_code == 0);
    CHECK(rest.err.find("resuming an interrupted training") != std::string::npos);
    check_finished(place.path());
  }
}

TEST_CASE("a gate training killed at random points ends with the bytes of one that was not", "[e2e]") {
  uninterrupted();
  std::mt19937_64 random(3);
  const TempDir place;
  for (int kills = 0; kills < 5; ++kills) {
    ChildProcess run("stage2-train", flags_for(place.path()));
    std::this_thread::sleep_for(std::chrono::milliseconds(300 + random() % 900));
    run.signal(SIGKILL);
    run.wait();
  }
  CHECK(run_program("stage2-train", flags_for(place.path())).exit_code == 0);
  check_finished(place.path());
}

TEST_CASE("an interrupted gate training is not mixed with other inputs", "[e2e]") {
  const TempDir place;
  REQUIRE(interrupt(place.path(), SIGKILL).exit_code == 128 + SIGKILL);
  const auto with = [&](const std::string& flag, const std::string& value) {
    std::vector<std::string> flags = flags_for(place.path());
    if (const auto at = std::find(flags.begin(), flags.end(), flag); at != flags.end())
      flags.erase(at, at + 2);
    flags.insert(flags.end(), {flag, value});
    return run_program("stage2-train", flags);
  };
  const auto refused = [&](const std::string& flag, const std::string& value, const std::string& what) {
    INFO(flag << " " << value);
    const ProcessResult result = with(flag, value);
    CHECK(result.exit_code == 4);
    CHECK(result.err.find(what) != std::string::npos);
    CHECK(result.err.find("--restart") != std::string::npos);
  };
  refused("--learning_rate", "0.5", "--learning_rate (0.001 then, 0.5 now)");
  refused("--seed", "7", "--seed (");
  refused("--precision", "bf16", "--precision (fp32 then, bf16 now)");
  refused("--corr_threshold", "0.5", "rewards of the chosen (");
  CHECK(run_program("stage2-train", flags_for(place.path())).exit_code == 0);
  check_finished(place.path());
}

TEST_CASE("--restart keeps what the same inputs began and deletes what others did", "[e2e]") {
  const TempDir place;
  const fs::path checkpoint = place / (std::string(kStem) + ".checkpoint");
  REQUIRE(interrupt(place.path(), SIGKILL).exit_code == 128 + SIGKILL);
  const std::string begun = io::read_text_file(checkpoint);
  // A batch system repeats the flag when it reruns the job.
  const ProcessResult rest = run_program("stage2-train", flags_for(place.path(), {"--restart"}));
  CHECK(rest.exit_code == 0);
  CHECK(rest.err.find("resuming an interrupted training") != std::string::npos);
  check_finished(place.path());

  write_text(checkpoint, begun);
  const ProcessResult other =
      run_program("stage2-train", flags_for(place.path(), {"--restart", "--weight_decay", "0.1"}));
  CHECK(other.exit_code == 0);
  CHECK(other.err.find("resuming") == std::string::npos);
  CHECK_FALSE(fs::exists(checkpoint));
}

TEST_CASE("a damaged checkpoint is no hindrance", "[e2e]") {
  const TempDir place;
  const fs::path checkpoint = place / (std::string(kStem) + ".checkpoint");
  REQUIRE(interrupt(place.path(), SIGKILL).exit_code == 128 + SIGKILL);
  truncate_file(checkpoint, fs::file_size(checkpoint) / 2);
  fs::remove(checkpoint.string() + ".previous");
  const ProcessResult anew = run_program("stage2-train", flags_for(place.path()));
  CHECK(anew.exit_code == 0);
  CHECK(anew.err.find("restarting the training") != std::string::npos);
  check_finished(place.path());
}

TEST_CASE("a checkpoint that cannot be read is not replaced", "[e2e]") {
  const TempDir place;
  const fs::path checkpoint = place / (std::string(kStem) + ".checkpoint");
  fs::create_directories(place / "folder");
  for (const fs::path& there : {checkpoint.filename(), place / "folder"}) {  // ELOOP, EISDIR: also for root
    fs::create_symlink(there, checkpoint);
    const ProcessResult result = run_program("stage2-train", flags_for(place.path()));
    CHECK(result.exit_code == 3);
    CHECK(result.err.find(checkpoint.string()) != std::string::npos);
    CHECK(fs::is_symlink(checkpoint));
    fs::remove(checkpoint);
  }
}
