#include "stages/resume/run_lock.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <optional>
#include <thread>

#include "core/error.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/fault_file_system.h"
#include "support/forwarding_file_system.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::resume;
using namespace armorm::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr auto kBeat = 40ms;

// Like some network file systems.
class WithoutLocks final : public ForwardingFileSystem {
 public:
  int lock(int) override {
    errno = ENOLCK;
    return -1;
  }
};

// Exit code of the error that ends the work; 0 if none does for a long time.
int work_until_lost(const fs::path& file, io::FileSystem& files) {
  try {
    const RunLock lock(file, files, kBeat);
    for (int i = 0; i < 30000; ++i) {
      lock.check();
      std::this_thread::sleep_for(1ms);
    }
    return 0;
  } catch (const Error& error) {
    return error.exit_code();
  }
}

bool is_owned_by(const fs::path& file, pid_t process) {
  const std::string text = fs::exists(file) ? io::read_text_file(file) : "";
  return text.starts_with("process " + std::to_string(process) + " ") &&
         text.find("\nowns ") != std::string::npos;
}

// Suspends the process like a batch system; returns when it has stopped.
void suspend(pid_t process) {
  kill(process, SIGSTOP);
  int status = 0;
  REQUIRE(waitpid(process, &status, WUNTRACED) == process);
  REQUIRE(WIFSTOPPED(status));
}

}  // namespace

TEST_CASE("a lock is held by one, and free again after it", "[unit]") {
  const TempDir dir;
  for (int round = 0; round < 2; ++round) {
    const RunLock first(dir / "l", io::posix_file_system());
    const std::string refusal =
        error_of([&] { const RunLock second(dir / "l", io::posix_file_system()); }, ErrorKind::locked);
    CHECK_THAT(refusal, Contains("process " + std::to_string(getpid()) + " on ") && Contains("since 2"));
    CHECK(fs::exists(dir / "l"));
  }
  CHECK_FALSE(fs::exists(dir / "l"));
}

TEST_CASE("many threads at once: one at a time holds the lock", "[unit]") {
  const TempDir dir;
  std::atomic<int> holders = 0;
  std::atomic<int> most = 0;
  std::atomic<int> held = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) {
        try {
          const RunLock lock(dir / "l", io::posix_file_system());
          most = std::max<int>(most, ++holders);
          ++held;
          --holders;
        } catch (const Error& error) {
          if (error.kind() != ErrorKind::locked) throw;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(most == 1);
  CHECK(held > 0);
}

TEST_CASE("a lock that the file system refuses is an I/O error", "[unit]") {
  const TempDir dir;
  FaultFileSystem files(dir.path(), Fault::io_error, 1);  // after the open
  CHECK_THAT(error_of([&] { const RunLock lock(dir / "l", files); }, ErrorKind::io),
             Contains("cannot be locked"));
}

TEST_CASE("without locks a living owner's heart tells, and a dead owner's file is taken over", "[unit]") {
  WithoutLocks files;
  const TempDir dir;
  {
    const RunLock first(dir / "l", files, kBeat);
    for (int attempt = 0; attempt < 2; ++attempt)
      CHECK_THAT(error_of([&] { const RunLock second(dir / "l", files, 4 * kBeat); }, ErrorKind::locked),
                 Contains("process " + std::to_string(getpid())));
  }
  CHECK_FALSE(fs::exists(dir / "l"));
  for (const int years : {-40, 40}) {
    io::publish_text(dir / "l", "process 1 on elsewhere since 1980-01-01T00:00:00Z\n");
    fs::last_write_time(dir / "l", fs::file_time_type::clock::now() + std::chrono::hours(years * 8766));
    const RunLock next(dir / "l", files, kBeat);
    CHECK_THAT(io::read_text_file(dir / "l"), Contains(std::to_string(getpid())) && !Contains("elsewhere"));
  }
}

TEST_CASE("without locks one of several claims at once stands", "[unit]") {
  WithoutLocks files;
  const TempDir dir;
  std::atomic<int> owners = 0;
  std::atomic<bool> done = false;
  std::atomic<int> refused = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      try {
        const RunLock lock(dir / "l", files, 4 * kBeat);
        ++owners;
        while (!done) std::this_thread::sleep_for(1ms);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::locked) throw;
        ++refused;
      }
    });
  }
  while (owners + refused < 4) std::this_thread::sleep_for(1ms);
  done = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(owners == 1);
  CHECK(refused == 3);
}

TEST_CASE("without locks a process that was suspended stops when another has taken over", "[unit]") {
  WithoutLocks files;
  const TempDir dir;
  const pid_t suspended = fork();
  if (suspended == 0) _exit(work_until_lost(dir / "l", files));
  while (!is_owned_by(dir / "l", suspended)) std::this_thread::sleep_for(1ms);
  suspend(suspended);
  {
    const RunLock next(dir / "l", files, kBeat);
    kill(suspended, SIGCONT);
    int status = 0;
    REQUIRE(waitpid(suspended, &status, 0) == suspended);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == static_cast<int>(ErrorKind::locked));
    std::this_thread::sleep_for(3 * kBeat);
    CHECK_NOTHROW(next.check());
    CHECK(is_owned_by(dir / "l", getpid()));  // neither overwritten nor removed
  }
  CHECK_FALSE(fs::exists(dir / "l"));
}

TEST_CASE("without locks claims do not end a run, another owner does, and is named", "[unit]") {
  WithoutLocks files;
  const TempDir dir;
  const RunLock lock(dir / "l", files, kBeat);
  const auto text_of = [](const std::string& role) {
    std::string text = "process 7 on elsewhere since 2026-01-31T12:00:00Z\n" + role + " ";
    text.resize(511, '7');
    return text + "\n";
  };
  const std::string claim = text_of("claims"), other = text_of("owns"), torn = other.substr(0, 300);
  const auto put = [&](const std::string& text) { std::ofstream(dir / "l", std::ios::binary) << text; };
  for (const std::string& text : {claim, torn, std::string()}) {
    put(text);
    for (int i = 0; i < 20 || (i < 5000 && !is_owned_by(dir / "l", getpid())); ++i) {
      CHECK_NOTHROW(lock.check());
      std::this_thread::sleep_for(kBeat / 20);
    }
    CHECK(is_owned_by(dir / "l", getpid()));
  }
  fs::remove(dir / "l");  // manually
  while (!fs::exists(dir / "l") || !is_owned_by(dir / "l", getpid())) std::this_thread::sleep_for(1ms);
  put(other);
  const auto work = [&] {
    for (int i = 0; i < 10000; ++i, std::this_thread::sleep_for(1ms)) lock.check();
  };
  CHECK_THAT(error_of(work, ErrorKind::locked),
             Contains("process 7 on elsewhere since 2026-01-31T12:00:00Z has taken over"));
  CHECK(io::read_text_file(dir / "l") == other);
}

TEST_CASE("an output folder that is removed, moved or replaced under a lock is noticed", "[unit]") {
  const auto error_after = [](const std::function<void(const fs::path& root)>& change) {
    const TempDir dir;
    fs::create_directories(dir / "root");
    const RunLock lock(dir / "root/l", io::posix_file_system(), kBeat);
    lock.check_now();
    change(dir.path());
    std::this_thread::sleep_for(kBeat);
    const std::string message = error_of([&] { lock.check(); }, ErrorKind::io);
    CHECK(error_of([&] { lock.check_now(); }, ErrorKind::io) == message);
    CHECK_THAT(message, Contains((dir / "root/l").string() + ": the folder") && Contains("put it back"));
    return message;
  };
  error_after([](const fs::path& dir) { fs::remove_all(dir / "root"); });
  error_after([](const fs::path& dir) { fs::rename(dir / "root", dir / "moved"); });
  error_after([](const fs::path& dir) {
    fs::rename(dir / "root", dir / "moved");
    fs::create_directories(dir / "root");
  });
}

TEST_CASE("a lock that lost its place does not remove another one's", "[unit]") {
  const TempDir dir;
  fs::create_directories(dir / "root");
  std::optional<RunLock> first(std::in_place, dir / "root/l", io::posix_file_system());
  fs::rename(dir / "root", dir / "moved");
  fs::create_directories(dir / "root");
  const RunLock second(dir / "root/l", io::posix_file_system());
  first.reset();
  CHECK(fs::exists(dir / "root/l"));
  second.check_now();
}
