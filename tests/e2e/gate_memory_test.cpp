// stage2-train with its arrays in scratch files, and with a shuffle window.
#include <algorithm>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kStem = "gating_network_model";

std::vector<std::string> flags_for(const fs::path& place, const std::vector<std::string>& more) {
  std::vector<std::string> flags = stage_flags("stage2-train", demo_dir(), demo_run());
  flags.insert(flags.end(), {"--output_dir", place.string(), "--threads", "1", "--checkpoint_seconds", "0"});
  // A flag may be given once.
  for (const std::string& flag : more)
    if (const auto at = std::ranges::find(flags, flag); flag.starts_with("--") && at != flags.end())
      flags.erase(at, at + 2);
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

struct Files {
  std::string gate, twin;
  json report;
};

Files files_in(const fs::path& place) {
  const std::string stem = (place / kStem).string();
  Files files{io::read_text_file(stem + ".pt"), io::read_text_file(stem + ".safetensors"),
              json::parse(io::read_text_file(stem + ".json"))};
  files.report["options"].erase("scratch");
  return files;
}

Files train(const TempDir& place, const std::vector<std::string>& more) {
  const ProcessResult result = run_program("stage2-train", flags_for(place.path(), more));
  INFO(result.err);
  REQUIRE(result.exit_code == 0);
  return files_in(place.path());
}

void check_same(const Files& found, const Files& expected) {
  CHECK(found.gate == expected.gate);
  CHECK(found.twin == expected.twin);
  CHECK(found.report == expected.report);
}

// A training that is saved several times.
const std::vector<std::string> kSavedOften{"--n_steps", "300",  "--seeds",      "2",
                                           "--select",  "best", "--eval_every", "40"};

std::vector<std::string> saved_often_with(std::vector<std::string> more) {
  more.insert(more.end(), kSavedOften.begin(), kSavedOften.end());
  return more;
}

// Kills a training once it has been saved.
void kill_training(const fs::path& place, const std::vector<std::string>& more) {
  std::vector<std::string> flags = flags_for(place, more);
  ChildProcess run("stage2-train", flags);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  while (!fs::exists(place / (std::string(kStem) + ".checkpoint")) &&
         std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  run.signal(SIGKILL);
  REQUIRE(run.wait().exit_code == 128 + SIGKILL);
}

}  // namespace

TEST_CASE("debiasing, training and evaluation give the same bytes from scratch files", "[e2e]") {
  const std::string eval = (demo_dir() / "reference").string();
  for (const char* target : {"attribute", "length"}) {
    CAPTURE(target);
    const TempDir in_memory, in_files, scratch;
    const std::vector<std::string> flags{"--verbosity_target", target, "--eval", eval};
    const auto with = [&](std::vector<std::string> more) {
      more.insert(more.end(), flags.begin(), flags.end());
      return more;
    };
    const Files expected = train(in_memory, with({"--scratch", "off"}));
    check_same(train(in_files, with({"--scratch", "on", "--scratch_dir", scratch.path().string()})),
               expected);
    CHECK(fs::is_empty(scratch.path()));
    const TempDir by_default;
    check_same(train(by_default, flags), expected);
  }
}

TEST_CASE("a killed training leaves no scratch file, and goes on in memory with the same bytes", "[e2e]") {
  const TempDir place, scratch, whole;
  const std::vector<std::string> steps = kSavedOften;
  kill_training(place.path(),
                saved_often_with({"--scratch", "on", "--scratch_dir", scratch.path().string()}));
  CHECK(fs::is_empty(scratch.path()));
  const ProcessResult rest = run_program("stage2-train", flags_for(place.path(), steps));
  CHECK(rest.exit_code == 0);
  CHECK_THAT(rest.err, Catch::Contains("resuming an interrupted training"));
  check_same(files_in(place.path()), train(whole, steps));
}

TEST_CASE("scratch folders that cannot serve are errors before the training", "[e2e]") {
  const TempDir place;
  const auto error_of = [&](const std::vector<std::string>& more, int code) {
    const ProcessResult result = run_program("stage2-train", flags_for(place.path(), more));
    CHECK(result.exit_code == code);
    CHECK_THAT(result.err, !Catch::Contains("step "));
    return result.err;
  };
  CHECK_THAT(error_of({"--scratch", "on", "--scratch_dir", (place.path() / "missing").string()}, 3),
             Catch::Contains("missing"));
  // The kernel's file system has no space.
  CHECK_THAT(error_of({"--scratch", "on", "--scratch_dir", "/proc"}, 3),
             Catch::Contains("/proc: temporary files of") && Catch::Contains("only 0 bytes are free") &&
                 Catch::Contains("with --scratch_dir") && Catch::Contains("--scratch off"));
  CHECK_THAT(error_of({"--scratch", "off", "--scratch_dir", place.path().string()}, 2),
             Catch::Contains("--scratch_dir") && Catch::Contains("--scratch off"));
}

TEST_CASE("a shuffle window is repeatable, resumed, recorded and not mixed with others", "[e2e]") {
  const TempDir one, other, resumed, drawn;
  const std::vector<std::string> window = saved_often_with({"--shuffle_window", "64"});
  const Files expected = train(one, window);
  check_same(train(other, window), expected);
  CHECK(expected.report["options"]["shuffle_window"] == "64");
  CHECK(train(drawn, kSavedOften).gate != expected.gate);

  kill_training(resumed.path(), window);
  const ProcessResult mixed =
      run_program("stage2-train", flags_for(resumed.path(), saved_often_with({"--shuffle_window", "32"})));
  CHECK(mixed.exit_code == 4);
  CHECK_THAT(mixed.err, Catch::Contains("--shuffle_window (64 then, 32 now)"));
  check_same(train(resumed, window), expected);

  const ProcessResult small = run_program("stage2-train", flags_for(one.path(), {"--shuffle_window", "5"}));
  CHECK(small.exit_code == 2);
  CHECK_THAT(small.err, Catch::Contains("--shuffle_window: 5") && Catch::Contains("at least 16"));
}
