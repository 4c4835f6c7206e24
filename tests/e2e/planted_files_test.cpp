// The programs among files of others: outputs that are no files, planted links, closed descriptors, folders
// that cannot be written.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <future>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "io/safetensors.h"
#include "support/fixed_kernels.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

ProcessResult shell(const std::string& command) {
  return run_program("/bin/sh", {"-c", "PATH=" + bin_dir().string() + ":$PATH; " + command});
}

// A small reward model and its conversations.
const fs::path kReadyModel = golden("reward_model/llama");

std::string score_command(const std::string& input = (kReadyModel / "conversations.jsonl").string()) {
  return "score --device -1 --fields score --model_path '" + kReadyModel.string() + "' --input '" + input +
         "'";
}

std::string shard_of(const fs::path& root) {
  for (const auto& entry : fs::recursive_directory_iterator(root / "embeddings"))
    if (entry.path().extension() == ".safetensors") return entry.path().string();
  return "";
}

std::string prepare_command(const fs::path& root) {
  std::string command = "stage1-prepare";
  for (const std::string& flag : stage_flags("stage1-prepare", demo_dir(), root))
    command += " '" + flag + "'";
  return command + " --n_shards 8 --shard_idx 1";
}

// The shard of prepare_command(), made once.
const fs::path& shard_root() {
  static const TempDir dir;
  static const bool made = [] {
    const ProcessResult result = shell(prepare_command(dir / "root"));
    INFO(result.err);
    REQUIRE(result.exit_code == 0);
    return true;
  }();
  static const fs::path root = dir / "root";
  REQUIRE(made);
  return root;
}

}  // namespace

TEST_CASE("score writes into FIFOs, devices, links and descriptors, which stay", "[e2e]") {
  const TempDir dir;
  const std::string command = score_command();
  const ProcessResult plain = shell(command);
  REQUIRE(plain.exit_code == 0);
  REQUIRE_FALSE(plain.out.empty());
  const std::string output = " --output '" + dir.path().string() + "/";

  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const ProcessResult fifo =
      shell("cat '" + (dir / "fifo").string() + "' & " + command + output + "fifo' && wait");
  CHECK(fifo.out == plain.out);
  CHECK(fs::is_fifo(dir / "fifo"));

  write_text(dir / "target", "earlier\n");
  fs::create_symlink("target", dir / "link");
  CHECK(shell(command + output + "link'").exit_code == 0);
  CHECK(fs::is_symlink(dir / "link"));
  CHECK(io::read_text_file(dir / "target") == plain.out);

  CHECK(shell(command + " --output /proc/self/fd/1").out == plain.out);
  CHECK(shell(command + " --output /proc/self/fd/1 >> '" + (dir / "target").string() + "'").exit_code == 0);
  CHECK(io::read_text_file(dir / "target") == plain.out + plain.out);

  const ProcessResult folder =
      shell("mkdir '" + (dir / "folder").string() + "'; " + command + output + "folder'");
  CHECK(folder.exit_code == 3);
  CHECK(folder.err.find("folder: found a folder") != std::string::npos);

  if (mknod((dir / "null").c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0)
    ARMORM_SKIP("device files cannot be made here");
  CHECK(shell(command + output + "null'").exit_code == 0);
  CHECK(fs::is_character_file(dir / "null"));
}

TEST_CASE("closed standard descriptors put no log line into a data file", "[e2e]") {
  const std::string expected = io::read_text_file(shard_of(shard_root()));
  for (const char* closed : {"2>&-", "<&- 2>&-", "<&- >&- 2>&-"}) {
    CAPTURE(closed);
    const TempDir dir;
    const ProcessResult result = shell(prepare_command(dir / "root") + " " + closed);
    // Without standard output the summary cannot be written, which is an error after the shard is published.
    CHECK(result.exit_code == (std::string(closed).find(">&- 2") == std::string::npos ? 0 : 3));
    REQUIRE_FALSE(shard_of(dir / "root").empty());
    CHECK(io::read_text_file(shard_of(dir / "root")) == expected);
  }
  const TempDir input_dir;
  // Standard error is no file of the run: the program waits for its input while we look.
  const std::string in = (input_dir / "in").string(), out = (input_dir / "out").string();
  REQUIRE(mkfifo(in.c_str(), 0600) == 0);
  const std::string seen = "ls '" + input_dir.path().string() + "'/.out.*";
  const ProcessResult waiting =
      shell(score_command(in) + " --output '" + out + "' 2>&- & exec 7<>'" + in + "'; n=0; until " + seen +
            " || [ $n = 600 ]; do n=$((n+1)); sleep 0.1; done; readlink /proc/$!/fd/2; exec 7>&-; wait");
  CHECK(waiting.out.find("/dev/null\n") != std::string::npos);
  const ProcessResult lost = shell(score_command() + " >&-");
  CHECK(lost.exit_code == 3);
  CHECK(lost.err.find("standard output: write failed") != std::string::npos);
  CHECK(shell(score_command("-") + " <&-").exit_code == 3);
}

TEST_CASE("planted links beside a shard are refused by name, and their target kept", "[e2e]") {
  const std::string name = fs::path(shard_of(shard_root())).filename().string();
  for (const char* ending : {".lock", ".partial", ".journal"}) {
    CAPTURE(ending);
    const TempDir dir;
    write_text(dir / "private", "secret");
    const fs::path planted = dir / "root/embeddings/model" / (name + ending);
    fs::create_directories(planted.parent_path());
    fs::create_symlink(dir / "private", planted);
    const ProcessResult result = shell(prepare_command(dir / "root"));
    CHECK(result.exit_code == 3);
    CHECK(result.err.find(name + ending + ": cannot be") != std::string::npos);
    CHECK(result.err.find("is a link, which is not followed") != std::string::npos);
    CHECK(io::read_text_file(dir / "private") == "secret");
  }
  // A folder is the user's choice.
  const TempDir dir;
  fs::create_directory(dir / "other disk");
  fs::create_directory_symlink(dir / "other disk", dir / "root");
  CHECK(shell(prepare_command(dir / "root")).exit_code == 0);
  CHECK(io::read_text_file(shard_of(dir / "other disk")) == io::read_text_file(shard_of(shard_root())));
}

TEST_CASE("a complete shard in a folder that cannot be written is complete", "[e2e]") {
  const TempDir dir;
  copy_tree(shard_root(), dir / "root");
  const fs::path folder = fs::path(shard_of(dir / "root")).parent_path();
  REQUIRE(chmod(folder.c_str(), 0555) == 0);
  // root writes everywhere, unless it gives up the capability
  const std::string limited = geteuid() == 0 ? "setpriv --bounding-set=-dac_override " : "";
  if (shell(limited + "true").exit_code != 0) ARMORM_SKIP("setpriv cannot give up capabilities here");
  const ProcessResult result = shell(limited + prepare_command(dir / "root"));
  INFO(result.err);
  CHECK(result.exit_code == 0);
  CHECK(result.out.find("complete already") != std::string::npos);
  const ProcessResult again = shell(limited + prepare_command(dir / "root") + " --restart");
  CHECK(again.exit_code == 3);
  CHECK(again.err.find("check that the folder is writable") != std::string::npos);
  REQUIRE(chmod(folder.c_str(), 0755) == 0);
}

TEST_CASE("a FIFO in place of an input file is refused by name", "[e2e]") {
  const TempDir dir;
  copy_tree(demo_dir() / "model", dir / "model");
  const auto prepare = [&](const fs::path& dataset) {
    return run_program("stage1-prepare", {"--model_path", (dir / "model").string(), "--data_root",
                                          (dir / "root").string(), "--dataset_path", dataset.string(),
                                          "--device", "-1", "--kernels", fixed_kernels_name()});
  };
  for (const char* name : {"tokenizer.json", "config.json", "model.safetensors", "tokenizer_config.json"}) {
    CAPTURE(name);
    if (!fs::exists(dir / "model" / name)) continue;
    fs::rename(dir / "model" / name, dir / "kept");
    REQUIRE(mkfifo((dir / "model" / name).c_str(), 0600) == 0);
    const ProcessResult result = prepare(demo_dir() / "multi-objective");
    CHECK(result.exit_code == 3);
    CHECK(result.err.find(name + std::string(": cannot be read: found a FIFO")) != std::string::npos);
    fs::remove(dir / "model" / name);
    fs::rename(dir / "kept", dir / "model" / name);
  }
  for (const char* name : {"train.jsonl", "train.csv", "train.parquet", "train.arrow"}) {
    CAPTURE(name);
    REQUIRE(mkfifo((dir / name).c_str(), 0600) == 0);
    const ProcessResult result = prepare(dir / name);
    CHECK(result.exit_code == 3);
    CHECK(result.err.find(name + std::string(": cannot be read: found a FIFO")) != std::string::npos);
  }
}
