// A prepare run ended in every possible way, and the same command afterwards: the file equals that of an
// uninterrupted run, byte for byte. ARMORM_KILLS=200 turns the test of random kills into a soak test.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "e2e/demo_fixture.h"
#include "io/read_file.h"
#include "stages/resume/journal.h"

using namespace armorm;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

const fs::path& small_demo() {
  static const TempDir dir;
  static const fs::path path = [] {
    const ProcessResult made =
        run_program("armorm-make-demo", {"--output", (dir / "demo").string(), "--rows", "150", "--pairs", "3",
                                         "--reference", "3", "--reward_bench", "23"});
    if (made.exit_code != 0) throw std::runtime_error(made.err);
    return dir / "demo";
  }();
  return path;
}

// Many passes, with a durable point after each.
std::vector<std::string> flags_for(const fs::path& demo, const fs::path& root,
                                   const std::vector<std::string>& more) {
  std::vector<std::string> flags = stage_flags("stage1-prepare", demo, root);
  flags.insert(flags.end(), {"--batch_tokens", "400", "--checkpoint_seconds", "0", "--threads", "1",
                             "--log_level", "warn"});
  for (const std::string& flag : more) {
    const auto at = std::find(flags.begin(), flags.end(), flag);
    if (flag.starts_with("--") && at != flags.end()) flags.erase(at, at + 2);
  }
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

std::vector<std::string> flags_for(const fs::path& root, const std::vector<std::string>& more = {}) {
  return flags_for(small_demo(), root, more);
}

fs::path target_in(const fs::path& root) {
  return root / "embeddings" / "model" / "multi-objective-00001-of-00001.safetensors";
}

const std::string& uninterrupted() {
  static const std::string bytes = [] {
    const TempDir root;
    const ProcessResult result = run_program("stage1-prepare", flags_for(root.path()));
    if (result.exit_code != 0) throw std::runtime_error(result.err);
    return io::read_text_file(target_in(root.path()));
  }();
  return bytes;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  return names;
}

void check_finished(const fs::path& root) {
  CHECK(io::read_text_file(target_in(root)) == uninterrupted());
  CHECK(names_in(target_in(root).parent_path()) ==
        std::vector<std::string>{target_in(root).filename().string()});
}

std::size_t chunks_of(const fs::path& root) {
  const auto journal = stages::resume::read_journal(target_in(root).string() + ".journal");
  return journal ? journal->chunks.size() : 0;
}

// Waits until the run has this many durable chunks; false when the run ended before.
bool wait_for_chunks(const fs::path& root, std::size_t chunks) {
  while (chunks_of(root) < chunks) {
    if (fs::exists(target_in(root))) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// Ends a run by a signal when some chunks exist. On a busy machine the run may end first; then it is
// repeated.
ProcessResult interrupt(const fs::path& root, int signal = SIGKILL) {
  for (;;) {
    ChildProcess run("stage1-prepare", flags_for(root));
    if (wait_for_chunks(root, 3)) run.signal(signal);
    ProcessResult result = run.wait();
    if (result.exit_code != 0) return result;
    fs::remove_all(target_in(root).parent_path());
  }
}

std::size_t kills_wanted() {
  const char* text = std::getenv("ARMORM_KILLS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 6;
}

}  // namespace

TEST_CASE("a run killed at random points publishes what an uninterrupted one does", "[e2e]") {
  uninterrupted();
  std::mt19937_64 random(8);
  std::chrono::duration<double> whole(0);
  std::size_t finished = 0;
  const bool soak = std::getenv("ARMORM_KILLS") != nullptr;
  for (std::size_t kills = 0; kills < kills_wanted();) {
    const TempDir root;
    for (bool done = false; !done;) {
      const auto start = std::chrono::steady_clock::now();
      ChildProcess run("stage1-prepare", flags_for(root.path()));
      const double share = std::uniform_real_distribution<double>(0.0, 1.0)(random);
      if (whole.count() > 0 && kills < kills_wanted()) {
        std::this_thread::sleep_for(whole * share);
        run.signal(SIGKILL);
      }
      const int code = run.wait().exit_code;
      if (code == 128 + SIGKILL) {
        ++kills;
        if (fs::exists(target_in(root.path())))
          CHECK(io::read_text_file(target_in(root.path())) == uninterrupted());
        continue;
      }
      REQUIRE(code == 0);
      if (whole.count() == 0) whole = std::chrono::steady_clock::now() - start;
      done = true;
    }
    check_finished(root.path());
    ++finished;
    if (soak) std::fprintf(stderr, "%zu kills, %zu runs finished\n", kills, finished);
  }
}

TEST_CASE("what was durable before a kill is not computed again", "[e2e]") {
  const TempDir root;
  REQUIRE(interrupt(root.path()).exit_code == 128 + SIGKILL);
  const std::size_t chunks = chunks_of(root.path());
  const ProcessResult rest = run_program("stage1-prepare", flags_for(root.path(), {"--log_level", "info"}));
  CHECK(rest.exit_code == 0);
  CHECK(rest.err.find("resuming an interrupted run: ") != std::string::npos);
  CHECK(chunks >= 3);
  check_finished(root.path());
}

TEST_CASE("SIGTERM, SIGUSR1 and SIGINT end a run with code 75, and it goes on", "[e2e]") {
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT}) {
    INFO("signal " << signal);
    const TempDir root;
    const ProcessResult stopped = interrupt(root.path(), signal);
    CHECK(stopped.exit_code == 75);
    CHECK(stopped.err.find("the same command resumes") != std::string::npos);
    CHECK_FALSE(fs::exists(target_in(root.path())));
    CHECK(run_program("stage1-prepare", flags_for(root.path())).exit_code == 0);
    check_finished(root.path());
  }
}

TEST_CASE("a data root that is moved away ends the run, which resumes when it is back", "[e2e]") {
  for (const bool replaced : {false, true}) {
    const TempDir dir;
    ProcessResult ended;
    for (int tries = 0; ended.exit_code <= 0 && tries < 20; ++tries) {  // the run may end first
      fs::remove_all(dir / "root");
      fs::remove_all(dir / "moved");
      ChildProcess run("stage1-prepare", flags_for(dir / "root"));
      if (wait_for_chunks(dir / "root", 1)) {
        run.signal(SIGSTOP);  // so that it has passes left when the folder is gone
        fs::rename(dir / "root", dir / "moved");
        if (replaced) fs::create_directories(dir / "root/embeddings/model");
        std::this_thread::sleep_for(std::chrono::milliseconds(700));  // between two looks
        run.signal(SIGCONT);
      }
      ended = run.wait();
    }
    INFO(ended.err);
    CHECK(ended.exit_code == 3);
    CHECK(ended.err.find("removed, moved or replaced while it was at work") != std::string::npos);
    if (replaced) CHECK(fs::is_empty(dir / "root/embeddings/model"));
    fs::remove_all(dir / "root");
    fs::rename(dir / "moved", dir / "root");
    CHECK(run_program("stage1-prepare", flags_for(dir / "root")).exit_code == 0);
    check_finished(dir / "root");
  }
}

TEST_CASE("a model that is changed while it is in use ends the run", "[e2e]") {
  const TempDir dir;
  copy_tree(small_demo(), dir / "demo");
  const fs::path weights = dir / "demo/model/model.safetensors";
  const std::string before = io::read_text_file(weights);
  const std::vector<std::string> flags = flags_for(dir / "demo", dir / "root", {});
  ProcessResult ended;
  for (int tries = 0; ended.exit_code <= 0 && tries < 20; ++tries) {
    fs::remove_all(dir / "root");
    write_text(weights, before);
    ChildProcess run("stage1-prepare", flags);
    if (wait_for_chunks(dir / "root", 1)) {
      const std::string changed(8, 'x');
      std::fstream(weights, std::ios::in | std::ios::out | std::ios::binary)
          .seekp(-64, std::ios::end)
          .write(changed.data(), 8);
    }
    ended = run.wait();
  }
  INFO(ended.err);
  CHECK(ended.exit_code == 4);
  CHECK(ended.err.find(weights.string() + ": was changed while the model was in use") != std::string::npos);
  CHECK_FALSE(fs::exists(target_in(dir / "root")));
}

TEST_CASE("an interrupted run is not mixed with other inputs", "[e2e]") {
  const TempDir dir;
  interrupt(dir / "root");
  const auto refused = [&](const std::vector<std::string>& flags, const std::string& what) {
    INFO(what);
    const ProcessResult result = run_program("stage1-prepare", flags);
    CHECK(result.exit_code == 4);
    CHECK(result.err.find(what + " (") != std::string::npos);
    CHECK(result.err.find("--restart") != std::string::npos);
    CHECK(result.err.find('\n') == result.err.size() - 1);
  };
  const auto with = [&](const std::string& flag, const std::string& value) {
    return flags_for(dir / "root", {flag, value});
  };
  refused(with("--seq_len", "90"), "--seq_len");
  refused(with("--precision", "bf16"), "--precision");
  refused(with("--batch_tokens", "300"), "--batch_tokens");
  refused(with("--seed", "1"), "data set rows");
  refused(with("--threads", "2"), "device");

  copy_tree(small_demo(), dir / "demo");
  const auto on_copy = [&] { return flags_for(dir / "demo", dir / "root", {}); };
  std::string weights = io::read_text_file(dir / "demo" / "model/model.safetensors");
  weights[weights.size() - 2] ^= 1;
  write_text(dir / "demo" / "model/model.safetensors", weights);
  refused(on_copy(), "weights");
  replace_in_file(dir / "demo" / "model/tokenizer_config.json", "chat_template\": \"",
                  "chat_template\": \"{# other #}");
  refused(on_copy(), "chat template");

  // Nothing was changed, so the old command resumes.
  CHECK(run_program("stage1-prepare", flags_for(dir / "root")).exit_code == 0);
  check_finished(dir / "root");
}

TEST_CASE("--restart deletes a run with other inputs", "[e2e]") {
  const TempDir root;
  interrupt(root.path());
  CHECK(run_program("stage1-prepare", flags_for(root.path(), {"--seq_len", "90", "--restart"})).exit_code ==
        0);
  CHECK(io::read_text_file(target_in(root.path())) != uninterrupted());
  CHECK(names_in(target_in(root.path()).parent_path()).size() == 1);
}

TEST_CASE("a complete file is left alone, unless it is damaged or --restart is given", "[e2e]") {
  const TempDir root;
  REQUIRE(run_program("stage1-prepare", flags_for(root.path())).exit_code == 0);
  const auto made = fs::last_write_time(target_in(root.path()));
  const ProcessResult again = run_program("stage1-prepare", flags_for(root.path()));
  CHECK(again.exit_code == 0);
  CHECK(again.out.find("complete already") != std::string::npos);
  CHECK(fs::last_write_time(target_in(root.path())) == made);
  CHECK(run_program("stage1-prepare", flags_for(root.path(), {"--restart"})).exit_code == 0);
  CHECK(fs::last_write_time(target_in(root.path())) != made);
  check_finished(root.path());
  truncate_file(target_in(root.path()), 5000);
  CHECK(run_program("stage1-prepare", flags_for(root.path())).exit_code == 0);
  check_finished(root.path());
}

TEST_CASE("a complete file that was made with other options is kept", "[e2e]") {
  const TempDir root;
  REQUIRE(run_program("stage1-prepare", flags_for(root.path())).exit_code == 0);
  const auto refused = [&](const std::vector<std::string>& more, const std::string& difference) {
    const ProcessResult result = run_program("stage1-prepare", flags_for(root.path(), more));
    INFO(result.err);
    CHECK(result.exit_code == 4);
    CHECK_THAT(result.err,
               Catch::Contains("made with other options: " + difference) && Catch::Contains("--restart"));
    check_finished(root.path());
  };
  refused({"--seq_len", "90"}, "--seq_len (0 then, 90 now), data set rows (");
  refused({"--precision", "bf16"}, "--precision (fp32 then, bf16 now);");
  refused({"--batch_invariant"}, "--batch_invariant (false then, true now);");

  // What only rounds differently is no reason to compute it again.
  using Flags = std::vector<std::string>;
  for (Flags more : {Flags{"--threads", "2"}, Flags{"--batch_tokens", "300"}}) {
    more.insert(more.end(), {"--log_level", "info"});
    const ProcessResult result = run_program("stage1-prepare", flags_for(root.path(), more));
    CHECK(result.exit_code == 0);
    CHECK_THAT(result.out, Catch::Contains("complete already"));
    CHECK_THAT(result.err, Catch::Contains("is kept, though this run would round differently: ") &&
                               Catch::Contains(" now)"));
    check_finished(root.path());
  }

  CHECK(run_program("stage1-prepare", flags_for(root.path(), {"--seq_len", "90", "--restart"})).exit_code ==
        0);
  CHECK(io::read_text_file(target_in(root.path())) != uninterrupted());
}

TEST_CASE("a complete shard's command leaves an interrupted run of other inputs alone", "[e2e]") {
  const TempDir dir;
  REQUIRE(interrupt(dir / "begun").exit_code == 128 + SIGKILL);
  REQUIRE(run_program("stage1-prepare", flags_for(dir / "root", {"--seq_len", "90"})).exit_code == 0);
  const fs::path target = target_in(dir / "root");
  for (const char* ending : {".partial", ".journal"})
    fs::copy_file(target_in(dir / "begun").string() + ending, target.string() + ending);
  const std::string journal = io::read_text_file(target.string() + ".journal");
  const ProcessResult again = run_program("stage1-prepare", flags_for(dir / "root", {"--seq_len", "90"}));
  CHECK(again.exit_code == 0);
  CHECK(again.out.find("complete already") != std::string::npos);
  CHECK(again.err.find("--seq_len (0 then, 90 now)") != std::string::npos);
  CHECK(again.err.find("is kept") != std::string::npos);
  CHECK(io::read_text_file(target.string() + ".journal") == journal);
  const ProcessResult rest =
      run_program("stage1-prepare", flags_for(dir / "root", {"--restart", "--log_level", "info"}));
  CHECK(rest.err.find("resuming an interrupted run: ") != std::string::npos);
  check_finished(dir / "root");

  // For the same inputs these are the files of a process that died after it had published.
  for (const char* ending : {".partial", ".journal"})
    fs::copy_file(target_in(dir / "begun").string() + ending, target.string() + ending);
  CHECK(run_program("stage1-prepare", flags_for(dir / "root")).exit_code == 0);
  check_finished(dir / "root");
}

TEST_CASE("a shard that cannot be read is not made again", "[e2e]") {
  const TempDir dir;
  const fs::path target = target_in(dir.path());
  fs::create_directories(target.parent_path());
  fs::create_directories(dir / "folder");
  for (const fs::path& there : {target.filename(), dir / "folder"}) {  // ELOOP, EISDIR: also for root
    fs::create_symlink(there, target);
    const ProcessResult result = run_program("stage1-prepare", flags_for(dir.path()));
    CHECK(result.exit_code == 3);
    CHECK(result.err.find(target.string()) != std::string::npos);
    CHECK(fs::is_symlink(target));
    fs::remove(target);
  }
}

TEST_CASE("a journal with a damaged first line is told of and begun anew", "[e2e]") {
  const TempDir root;
  interrupt(root.path());
  const fs::path journal = target_in(root.path()).string() + ".journal";
  std::string text = io::read_text_file(journal);
  text[20] ^= 1;
  write_text(journal, text);
  const ProcessResult anew = run_program("stage1-prepare", flags_for(root.path()));
  CHECK(anew.exit_code == 0);
  CHECK(anew.err.find(".journal: its first line") != std::string::npos);
  check_finished(root.path());
}

TEST_CASE("an interrupted run does not go on with other CPU kernels", "[e2e]") {
  const TempDir root;
  interrupt(root.path());
  setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
  const ProcessResult result = run_program("stage1-prepare", flags_for(root.path()));
  unsetenv("ONEDNN_MAX_CPU_ISA");
  CHECK(result.exit_code == 4);
  CHECK(result.err.find("CPU kernels (") != std::string::npos);
  CHECK(result.err.find("ONEDNN_MAX_CPU_ISA=AVX2 now") != std::string::npos);
}

TEST_CASE("a second process on one shard is turned away and told whose it is", "[e2e]") {
  const TempDir root;
  const fs::path lock = target_in(root.path()).string() + ".lock";
  fs::create_directories(lock.parent_path());
  write_text(lock, "process 77 on elsewhere since 2026-01-01T00:00:00Z\n");
  const int held = open(lock.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(flock(held, LOCK_EX) == 0);
  const ProcessResult second = run_program("stage1-prepare", flags_for(root.path()));
  CHECK(second.exit_code == 5);
  CHECK(second.err.find("process 77 on elsewhere since 2026-01-01T00:00:00Z") != std::string::npos);
  close(held);  // as the kernel does for a dead owner

  // The times of a dead owner's file mean nothing.
  for (const int years : {-40, 40}) {
    write_text(lock, "process 77 on elsewhere\n");
    fs::last_write_time(lock, fs::file_time_type::clock::now() + std::chrono::hours(years * 8766));
    CHECK(run_program("stage1-prepare", flags_for(root.path(), {"--restart"})).exit_code == 0);
    check_finished(root.path());
  }
}

TEST_CASE("two processes at once: one makes the shard", "[e2e]") {
  const TempDir root;
  ChildProcess a("stage1-prepare", flags_for(root.path()));
  ChildProcess b("stage1-prepare", flags_for(root.path()));
  const int code_a = a.wait().exit_code;
  const int code_b = b.wait().exit_code;
  CHECK((code_a == 0 || code_b == 0));
  CHECK((code_a == 0 || code_a == 5));
  CHECK((code_b == 0 || code_b == 5));
  check_finished(root.path());
}

TEST_CASE("a disk that is too small is an I/O error, and the run goes on when there is room", "[e2e]") {
  uninterrupted();
  const TempDir root;
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit{uninterrupted().size() / 2, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);  // inherited by the program
  setrlimit(RLIMIT_FSIZE, &limit);
  const ProcessResult full = run_program("stage1-prepare", flags_for(root.path()));
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(full.exit_code == 3);
  CHECK(full.err.find(".partial") != std::string::npos);
  CHECK_FALSE(fs::exists(target_in(root.path())));
  CHECK(run_program("stage1-prepare", flags_for(root.path())).exit_code == 0);
  check_finished(root.path());
}

TEST_CASE("a full disk: tmpfs fills up at several places of a run", "[e2e]") {
  uninterrupted();
  const TempDir dir;
  const std::string where = dir.path().string();
  std::size_t filled = 0;
  for (const std::size_t pages : {8, 26, 28, 30, 32}) {
    INFO(pages << " pages");
    const std::string size = "size=" + std::to_string(pages * 4096);
    if (mount("tmpfs", where.c_str(), "tmpfs", 0, size.c_str()) != 0)
      ARMORM_SKIP("a tmpfs needs the right to mount");
    const ProcessResult full = run_program("stage1-prepare", flags_for(dir.path()));
    CHECK((full.exit_code == 3 || full.exit_code == 0));
    if (full.exit_code == 3) {
      ++filled;
      CHECK(full.err.find("disk full while ") != std::string::npos);
      CHECK_FALSE(fs::exists(target_in(dir.path())));
      REQUIRE(mount("tmpfs", where.c_str(), "tmpfs", MS_REMOUNT, "size=1m") == 0);
      CHECK(run_program("stage1-prepare", flags_for(dir.path())).exit_code == 0);
    }
    check_finished(dir.path());
    REQUIRE(umount(where.c_str()) == 0);
  }
  CHECK(filled >= 2);
}

TEST_CASE("a folder that cannot be written is an I/O error that names it", "[e2e]") {
  const TempDir dir;
  fs::permissions(dir.path(), fs::perms::owner_read | fs::perms::owner_exec);
  const fs::path root =
      geteuid() == 0 ? fs::path("/proc/armorm") : dir.path();  // root may write to the other
  const ProcessResult result = run_program("stage1-prepare", flags_for(root));
  fs::permissions(dir.path(), fs::perms::owner_all);
  CHECK(result.exit_code == 3);
  CHECK(result.err.find(root.string()) != std::string::npos);
  CHECK(result.err.find("cannot be created") != std::string::npos);
}
