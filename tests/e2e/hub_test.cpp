// The executables with Hub ids, against a Hub on loopback.
#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include "e2e/demo_fixture.h"
#include "hub/hub_fake.h"
#include "io/read_file.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

// Serves every file as an LFS file, identified by its SHA-256.
std::map<std::string, FakeFile> files_of(const fs::path& folder) {
  std::map<std::string, FakeFile> files;
  for (const auto& entry : fs::directory_iterator(folder))
    files[entry.path().filename().string()] = {io::read_text_file(entry.path()), ""};
  return files;
}

std::vector<std::string> with_hub(FakeHub& hub, const fs::path& home, const fs::path& root) {
  return {"HF_ENDPOINT=" + hub.hub.url(),
          "HF_HOME=" + home.string(),
          "HF_HUB_OFFLINE=0",
          (bin_dir() / "stage1-prepare").string(),
          "--model_path",
          "org/name",
          "--dataset_path",
          (demo_dir() / "multi-objective").string(),
          "--device",
          "-1",
          "--dry_run",
          "--data_root",
          root.string()};
}

}  // namespace

TEST_CASE("two programs that need one model fetch each of its files once", "[e2e]") {
  const TempDir place;
  FakeHub hub(files_of(demo_dir() / "model"));
  const std::vector<std::string> command = with_hub(hub, place.path() / "hf", place.path() / "root");
  ChildProcess first("/usr/bin/env", command);
  ChildProcess second("/usr/bin/env", command);
  for (ChildProcess* child : {&first, &second}) {
    const ProcessResult result = child->wait();
    INFO(result.err);
    CHECK(result.exit_code == 0);
    CHECK_THAT(result.out, Catch::Contains("model") && Catch::Contains("name: llama, 2 layers"));
  }
  std::size_t weights = 0;
  for (const auto& [name, file] : hub.files) {
    const std::size_t fetched = hub.storage.count("GET", file.etag() + "?signature=private");
    INFO(name);
    CHECK(fetched <= 1);
    weights += name == "model.safetensors" ? fetched : 0;
  }
  CHECK(weights == 1);
}

TEST_CASE("a stop during the fetch ends it soon, with the code of a stop", "[e2e]") {
  const TempDir place;
  FakeHub hub(files_of(demo_dir() / "model"));
  std::atomic<bool> asked = false, ended = false;
  hub.add_fault("/revision/main", [&](const HttpAsked&, HttpReply&) {
    asked = true;
    for (int i = 0; i < 300 && !ended; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  });
  ChildProcess child("/usr/bin/env", with_hub(hub, place.path() / "hf", place.path() / "root"));
  while (!asked) std::this_thread::yield();
  const auto start = std::chrono::steady_clock::now();
  child.signal(SIGTERM);
  const ProcessResult result = child.wait();
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(15));
  ended = true;
  CHECK(result.exit_code == 75);
  CHECK_THAT(result.err, Catch::Contains("asked to stop"));
}

TEST_CASE("a file that the Hub does not give ends the fetch, and the others are kept for the next", "[e2e]") {
  const TempDir place;
  FakeHub hub(files_of(demo_dir() / "model"));
  const std::string tokenizer = hub.files.at("tokenizer.json").etag() + "?signature=private";
  hub.add_fault(tokenizer, [](const HttpAsked&, HttpReply& reply) { reply = {403, {}, "no"}; });
  const std::vector<std::string> command = with_hub(hub, place.path() / "hf", place.path() / "root");
  const ProcessResult refused = ChildProcess("/usr/bin/env", command).wait();
  CHECK(refused.exit_code == 3);
  CHECK_THAT(refused.err, Catch::Contains("tokenizer.json"));
  CHECK_FALSE(fs::exists(place.path() / "hf/hub/models--org--name/snapshots"));

  const ProcessResult again = ChildProcess("/usr/bin/env", command).wait();
  INFO(again.err);
  CHECK(again.exit_code == 0);
  CHECK(hub.storage.count("GET", hub.files.at("model.safetensors").etag() + "?signature=private") == 1);
}
