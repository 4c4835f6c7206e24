#include "stages/resume/lock_owner.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "core/error.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "stages/resume/run_lock.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::resume;
using namespace armorm::test;
namespace fs = std::filesystem;

namespace {

constexpr double kFresh = 1.0;
constexpr double kOld = 86400.0;  // seconds without a sign of life

// A process that calls `hold` and then waits to be killed; it is ready when the constructor returns.
class Holder {
 public:
  explicit Holder(void (*hold)(const fs::path&), const fs::path& file) {
    int ready[2];
    if (pipe(ready) != 0) throw std::runtime_error("no pipe");
    id_ = fork();
    if (id_ == 0) {
      hold(file);
      if (write(ready[1], "x", 1) != 1) _exit(1);
      for (;;) pause();
    }
    close(ready[1]);
    char byte = 0;
    REQUIRE(read(ready[0], &byte, 1) == 1);
    close(ready[0]);
  }
  ~Holder() { end(); }
  void end() {
    if (id_ <= 0) return;
    kill(id_, SIGKILL);
    waitpid(id_, nullptr, 0);
    id_ = -1;
  }

 private:
  pid_t id_ = -1;
};

bool is_held_now(const fs::path& file, double silent_seconds) {
  const auto owner = read_lock_owner(file);
  return owner && is_held(file, *owner, silent_seconds);
}

}  // namespace

TEST_CASE("a lock file names its owner", "[unit]") {
  const TempDir dir;
  CHECK_FALSE(read_lock_owner(dir / "none"));
  const RunLock lock(dir / "l", io::posix_file_system());
  const auto owner = read_lock_owner(dir / "l");
  REQUIRE(owner);
  CHECK(owner->process == getpid());
  CHECK(owner->host == this_process().host);
  CHECK(std::abs(started_at(*owner) - static_cast<double>(std::time(nullptr))) < 60);
  CHECK(io::read_text_file(dir / "l").starts_with(owner->text() + "\n"));
  CHECK(started_at({1, "h", "2026-01-31T12:34:56Z"}) == 1769862896.0);  // date -ud 2026-01-31T12:34:56Z +%s
  CHECK(started_at({1, "h", "yesterday"}) == 0.0);
  for (const char* text :
       {"", "process", "process x on h since t", "process 1 on h", "something else entirely here now"}) {
    io::publish_text(dir / "other", text);
    CHECK_FALSE(read_lock_owner(dir / "other"));
  }
}

TEST_CASE("an owner on this machine is alive as long as it holds the lock", "[unit]") {
  const TempDir dir;
  Holder holder([](const fs::path& file) { new RunLock(file, io::posix_file_system()); }, dir / "l");
  CHECK(is_held_now(dir / "l", kFresh));
  CHECK(is_held_now(dir / "l", kOld));
  holder.end();  // its file stays
  CHECK(fs::exists(dir / "l"));
  CHECK_FALSE(is_held_now(dir / "l", kFresh));
}

TEST_CASE("an owner elsewhere is alive while it gives signs of life, or while the file server knows its lock",
          "[unit]") {
  const TempDir dir;
  io::publish_text(dir / "l", "process 1 on elsewhere since 2026-01-31T12:00:00Z\n");
  CHECK(is_held_now(dir / "l", kFresh));
  CHECK_FALSE(is_held_now(dir / "l", kOld));
  // flock(2) as implemented by network file systems.
  Holder holder(
      [](const fs::path& file) {
        struct flock range {};
        range.l_type = F_WRLCK;
        if (fcntl(open(file.c_str(), O_RDWR), F_SETLK, &range) != 0) _exit(1);
      },
      dir / "l");
  CHECK(is_held_now(dir / "l", kOld));
  holder.end();
  CHECK_FALSE(is_held_now(dir / "l", kOld));
}

TEST_CASE("who asks for the owner never keeps a process off", "[unit]") {
  const TempDir dir;
  std::atomic<bool> done = false;
  std::thread watcher([&] {
    while (!done) is_held_now(dir / "l", kFresh);
  });
  for (int i = 0; i < 500; ++i) CHECK_NOTHROW(RunLock(dir / "l", io::posix_file_system()));
  done = true;
  watcher.join();
}
