// Locks, journals and partial files in folders that other users write to.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/error.h"
#include "io/publish.h"
#include "io/read_file.h"
#include "io/system_call.h"
#include "stages/resume/durable_rows.h"
#include "stages/resume/journal.h"
#include "stages/resume/lock_owner.h"
#include "stages/resume/run_lock.h"
#include "support/error_of.h"
#include "support/other_user.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::stages::resume;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

constexpr const char* kDeadOwner = "process 1 on elsewhere since 2026-01-31T12:00:00Z\n";

void leave_lock_of_other(const fs::path& file) {
  io::publish_text(file, kDeadOwner);
  fs::permissions(file, fs::perms(0644));
}

// A shared folder with a lock that root's dead process left; the process is another user in `work`.
template <class Work>
void as_other_in(const TempDir& dir, mode_t mode, const Work& work) {
  REQUIRE(chmod(dir.path().c_str(), mode) == 0);
  leave_lock_of_other(dir / "l");
  const AsOtherUser other;
  work();
}

}  // namespace

TEST_CASE("planted links in place of locks, journals and partial files are not followed", "[unit]") {
  const TempDir dir;
  const ShardTensors tensors{.embeddings = {{"e", DType::bf16, {1, 2}}}, .known = {}, .width = 2, .rows = 1};
  for (const char* name : {"x.lock", "x.journal", "x.partial"}) {
    for (const char* target : {"private", "new"}) {
      CAPTURE(name, target);
      io::publish_text(dir / "private", "secret");
      fs::create_symlink(dir / target, dir / name);
      const std::string message = error_of(
          [&] {
            const RunLock lock(dir / "x.lock", io::posix_file_system());
            DurableRows(dir / "x", tensors, {}, {{"weights", "w"}}, 0.0, io::posix_file_system());
          },
          ErrorKind::io);
      CHECK_THAT(message, Contains(name) && Contains("it is a link, which is not followed"));
      CHECK(io::read_text_file(dir / "private") == "secret");
      CHECK_FALSE(fs::exists(dir / "new"));
      for (const auto& entry : fs::directory_iterator(dir.path())) fs::remove(entry.path());
    }
  }
}

TEST_CASE("an interrupted run behind a planted journal link is not resumed", "[unit]") {
  const TempDir dir;
  const ResumeKey key{{"weights", "w"}};
  { const Journal elsewhere(io::posix_file_system(), dir / "elsewhere", key); }
  const std::string before = io::read_text_file(dir / "elsewhere");
  fs::create_symlink("elsewhere", dir / "x.journal");
  const auto content = read_journal(dir / "x.journal");
  REQUIRE(content);
  CHECK_THAT(
      error_of([&] { Journal(io::posix_file_system(), dir / "x.journal", *content, 0); }, ErrorKind::io),
      Contains("x.journal: cannot be opened"));
  CHECK(io::read_text_file(dir / "elsewhere") == before);
}

TEST_CASE("a FIFO in place of a lock is refused, and names no owner", "[unit]") {
  const TempDir dir;
  REQUIRE(mkfifo((dir / "l").c_str(), 0600) == 0);
  CHECK_FALSE(read_lock_owner(dir / "l"));
  CHECK_FALSE(is_held(dir / "l", {1, "elsewhere", "2026-01-31T12:00:00Z"}, 1e9));
  CHECK_THAT(error_of([&] { const RunLock lock(dir / "l", io::posix_file_system()); }, ErrorKind::io),
             Contains("l: found a FIFO, expected a regular file"));
}

TEST_CASE("another user's stale lock in a shared folder is taken over", "[unit]") {
  if (!can_be_other_user()) ARMORM_SKIP("only root acts as another user");
  const TempDir dir;
  as_other_in(dir, 0777, [&] {
    const RunLock lock(dir / "l", io::posix_file_system());
    CHECK(read_lock_owner(dir / "l")->process == getpid());
    error_of([&] { const RunLock second(dir / "l", io::posix_file_system()); }, ErrorKind::locked);
  });
  CHECK_FALSE(fs::exists(dir / "l"));
}

TEST_CASE("another user's living lock keeps its owner, who is named", "[unit]") {
  if (!can_be_other_user()) ARMORM_SKIP("only root acts as another user");
  const TempDir dir;
  leave_lock_of_other(dir / "l");
  const io::Descriptor owner(open((dir / "l").c_str(), O_RDWR | O_CLOEXEC));
  REQUIRE(flock(owner.get(), LOCK_EX) == 0);
  REQUIRE(chmod(dir.path().c_str(), 0777) == 0);
  {
    const AsOtherUser other;
    CHECK_THAT(error_of([&] { const RunLock lock(dir / "l", io::posix_file_system()); }, ErrorKind::locked),
               Contains("process 1 on elsewhere"));
  }
  CHECK(io::read_text_file(dir / "l") == kDeadOwner);
}

TEST_CASE("another user's stale lock that cannot be removed is an error that says whose it is", "[unit]") {
  if (!can_be_other_user()) ARMORM_SKIP("only root acts as another user");
  const TempDir dir;
  as_other_in(dir, 01777, [&] {
    CHECK_THAT(error_of([&] { const RunLock lock(dir / "l", io::posix_file_system()); }, ErrorKind::io),
               Contains("Permission denied") && Contains("it belongs to user 0; have it removed"));
  });
  CHECK(io::read_text_file(dir / "l") == kDeadOwner);
}
