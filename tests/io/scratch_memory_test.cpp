#include "io/scratch_memory.h"

#include <fcntl.h>

#include <fstream>
#include <numeric>
#include <vector>

#include "support/error_of.h"
#include "support/forwarding_file_system.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::io;
namespace fs = std::filesystem;

namespace {

// Calls fail with an errno value where one is set.
class FailingFiles final : public test::ForwardingFileSystem {
 public:
  int open(const Path& path, int flags) override {
    const bool nameless = (flags & O_TMPFILE) == O_TMPFILE;
    if (const int reason = nameless ? at_open_nameless : at_open; reason != 0) return fails(reason);
    opened += 1;
    return ForwardingFileSystem::open(path, flags);
  }
  int allocate(int file, off_t size) override {
    return at_allocate != 0 ? fails(at_allocate) : ForwardingFileSystem::allocate(file, size);
  }
  int close(int file) override {
    opened -= 1;
    return ForwardingFileSystem::close(file);
  }
  int at_open_nameless = 0, at_open = 0, at_allocate = 0;
  int opened = 0;

 private:
  static int fails(int reason) {
    errno = reason;
    return -1;
  }
};

// Lines of /proc/self/maps that name the folder.
std::size_t mappings_in(const fs::path& folder) {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);)
    if (line.find(folder.string()) != std::string::npos) ++count;
  return count;
}

std::string fill_error(const fs::path& folder, FailingFiles& files) {
  ScratchMemory scratch(folder, files);
  return test::error_of([&] { std::pmr::vector<int>(1 << 20, &scratch); }, ErrorKind::io);
}

}  // namespace

TEST_CASE("arrays in scratch files hold what is written, and leave no file", "[unit]") {
  const test::TempDir dir;
  for (const int without_nameless : {0, EOPNOTSUPP, EISDIR}) {
    FailingFiles files;
    files.at_open_nameless = without_nameless;
    ScratchMemory scratch(dir.path(), files);
    {
      std::pmr::vector<std::int64_t> small(10, &scratch), large(1 << 16, &scratch);
      CHECK(mappings_in(dir.path()) == 1);
      CHECK(files.opened == 0);  // a mapping needs no descriptor
      CHECK(fs::is_empty(dir.path()));
      CHECK(std::accumulate(large.begin(), large.end(), std::int64_t{0}) == 0);
      std::iota(large.begin(), large.end(), 0);
      large.resize(large.size() * 3, 7);
      CHECK(large[65535] == 65535);
      CHECK(large.back() == 7);
      const std::pmr::vector<std::int64_t> moved = std::move(large);
      CHECK(moved.get_allocator().resource() == &scratch);
    }
    CHECK(mappings_in(dir.path()) == 0);
  }
}

TEST_CASE("a full or unwritable disk is an error that names the folder and the options", "[unit]") {
  const test::TempDir dir;
  FailingFiles full;
  full.at_allocate = ENOSPC;
  CHECK_THAT(fill_error(dir.path(), full),
             Catch::Contains(dir.path().string()) && Catch::Contains("4.2 MB") &&
                 Catch::Contains("No space left") && Catch::Contains("`scratch_dir`"));
  CHECK(full.opened == 0);
  FailingFiles unwritable;
  unwritable.at_open_nameless = EACCES;
  CHECK_THAT(fill_error(dir.path(), unwritable), Catch::Contains("Permission denied"));
  FailingFiles old;
  old.at_open_nameless = EOPNOTSUPP;
  old.at_open = EROFS;
  CHECK_THAT(fill_error(dir.path(), old), Catch::Contains("Read-only file system"));
  FailingFiles works;
  CHECK_THAT(fill_error(dir.path() / "missing", works), Catch::Contains("No such file or directory"));
  CHECK(fs::is_empty(dir.path()));
}

TEST_CASE("the free space of the disk is compared before", "[unit]") {
  const test::TempDir dir;
  const ScratchMemory scratch(dir.path());
  scratch.check_free(1);
  CHECK_THAT(test::error_of([&] { scratch.check_free(std::uint64_t{1} << 60); }, ErrorKind::io),
             Catch::Contains("are needed, but only") && Catch::Contains("`scratch_dir`"));
  CHECK_THROWS_WITH(ScratchMemory(dir.path() / "missing").check_free(1), Catch::Contains("free space"));
  CHECK_FALSE(ScratchMemory("/proc").is_in_memory());
  if (fs::exists("/dev/shm")) CHECK(ScratchMemory("/dev/shm").is_in_memory());
}
