#include "io/publish.h"

#include <sys/resource.h>

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "io/mapped_file.h"
#include "io/read_file.h"
#include "support/fault_file_system.h"
#include "support/forwarding_file_system.h"
#include "support/test_support.h"

namespace fs = std::filesystem;
using armorm::io::AtomicFile;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

// During its lifetime a write past `bytes` fails with EFBIG, like ENOSPC on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

}  // namespace

TEST_CASE("the target appears only when published", "[unit]") {
  const TempDir dir;
  const fs::path target = dir / "a/b/out.txt";
  armorm::io::publish_text(target, "old");
  {
    AtomicFile file(target);
    file.write("new ");
    file.write_at(8, std::as_bytes(std::span("end", 3)));
    file.write("text");
    CHECK(file.temporary().parent_path() == target.parent_path());
    CHECK(armorm::io::read_text_file(target) == "old");
    file.publish();
    CHECK(armorm::io::read_text_file(target) == "new textend");
    CHECK_THROWS_WITH(file.publish(), Contains("published twice"));
  }
  CHECK(entries(target.parent_path()) == 1);
}

TEST_CASE("an abandoned or failed write leaves the old file and no other", "[unit]") {
  const TempDir dir;
  armorm::io::publish_text(dir / "x", "old");
  {
    AtomicFile file(dir / "x");
    file.write("half");
  }
  {
    AtomicFile file(dir / "x");
    const FileSizeLimit limit(10);
    // A short write takes the first ten bytes; the rest fails.
    CHECK_THROWS_WITH(file.write("0123456789abc"), Contains("writing 3 bytes failed"));
  }
  CHECK(armorm::io::read_text_file(dir / "x") == "old");
  CHECK(entries(dir.path()) == 1);
}

TEST_CASE("what the target named before is kept when asked", "[unit]") {
  armorm::test::WithoutLinks without_exchange;
  for (armorm::io::FileSystem* files :
       std::array<armorm::io::FileSystem*, 2>{&armorm::io::posix_file_system(), &without_exchange}) {
    const TempDir dir;
    const auto publish = [&](const char* text) {
      AtomicFile file(dir / "x", *files);
      file.write(text);
      file.publish(dir / "x.previous");
    };
    publish("one");
    CHECK(armorm::io::read_text_file(dir / "x") == "one");
    CHECK(entries(dir.path()) == 1);
    for (const auto& [before, now] : {std::pair{"one", "two"}, {"two", "three"}}) {
      publish(now);
      CHECK(armorm::io::read_text_file(dir / "x") == now);
      CHECK(armorm::io::read_text_file(dir / "x.previous") == before);
      CHECK(entries(dir.path()) == 2);
    }
  }
}

TEST_CASE("a fault while the previous file is kept leaves one of both", "[unit]") {
  using armorm::test::Fault;
  for (const Fault fault : {Fault::io_error, Fault::power_loss}) {
    for (std::size_t at = 0;; ++at) {
      const TempDir dir;
      armorm::io::publish_text(dir / "x", "one");
      armorm::test::FaultFileSystem files(dir.path(), fault, at);
      try {
        AtomicFile file(dir / "x", files);
        file.write("two");
        file.publish(dir / "x.previous");
      } catch (const armorm::Error&) {
      }
      if (fault == Fault::power_loss) files.lose_power(armorm::test::Unsynced::entries_kept);
      INFO("fault at call " << at);
      const std::string now = armorm::io::read_text_file(dir / "x");
      CHECK((now == "one" || now == "two"));
      if (fs::exists(dir / "x.previous")) CHECK(armorm::io::read_text_file(dir / "x.previous") == "one");
      if (!files.reached()) break;
    }
  }
}

TEST_CASE("many may publish to one target at once", "[unit]") {
  const TempDir dir;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        try {
          armorm::io::publish_text(dir / "x", "whole");
        } catch (const armorm::Error&) {
          ++failures;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(failures == 0);
  CHECK(armorm::io::read_text_file(dir / "x") == "whole");
  CHECK(entries(dir.path()) == 1);
}

TEST_CASE("a fault at any call leaves the old file or the whole new one", "[unit]") {
  using armorm::test::Fault;
  using armorm::test::Unsynced;
  const std::string text(3000, 'n');
  const auto publish_with = [&](Fault fault, std::size_t at, Unsynced unsynced) {
    const TempDir dir;
    armorm::io::publish_text(dir / "old", "old");
    armorm::test::FaultFileSystem files(dir.path(), fault, at);
    for (const char* target : {"old", "new/deep/file"}) {
      bool published = false;
      try {
        armorm::io::publish_text(dir / target, text, files);
        published = true;
      } catch (const armorm::Error& error) {
        CHECK(error.kind() == armorm::ErrorKind::io);
      }
      if (fault == Fault::power_loss) files.lose_power(unsynced);
      const std::string found = fs::exists(dir / target) ? armorm::io::read_text_file(dir / target) : "old";
      CHECK((found == text || (found == "old" && !published)));
    }
    if (files.reached() && fault != Fault::short_write) {
      armorm::io::publish_text(dir / "old", text);  // also removes abandoned files
      armorm::io::publish_text(dir / "new/deep/file", text);
    }
    CHECK(entries(dir.path()) == 2);
    CHECK(entries(dir / "new/deep") == 1);
    return files.reached();
  };
  for (const Fault fault : {Fault::io_error, Fault::disk_full, Fault::short_write, Fault::power_loss}) {
    for (const Unsynced unsynced : {Unsynced::entries_lost, Unsynced::entries_kept, Unsynced::data_torn}) {
      std::size_t at = 0;
      INFO("fault " << static_cast<int>(fault));
      while (publish_with(fault, at, unsynced)) ++at;
      CHECK(at > 15);
    }
  }
}

TEST_CASE("the temporary file of a killed process is removed, that of a living one is not", "[unit]") {
  const TempDir dir;
  const auto left = [&](const std::string& digits) { return dir / (".x." + digits + ".tmp"); };
  for (const fs::path& file : {left("0123456789abcdef"), left("0123"), dir / ".y.0123456789abcdef.tmp"})
    std::ofstream(file) << "half";
  AtomicFile living(dir / "x");
  CHECK_FALSE(fs::exists(left("0123456789abcdef")));
  armorm::io::publish_text(dir / "x", "new");
  CHECK(fs::exists(living.temporary()));
  CHECK(fs::exists(left("0123")));
  CHECK(fs::exists(dir / ".y.0123456789abcdef.tmp"));
  living.publish();
  CHECK(armorm::io::read_text_file(dir / "x").empty());
}

TEST_CASE("a resumed file keeps what was written until it is published", "[unit]") {
  const TempDir dir;
  {
    AtomicFile file = AtomicFile::resume(dir / "x");
    file.allocate(8);
    file.write_at(4, std::as_bytes(std::span("abcd", 4)));
    file.sync_data();
  }
  CHECK_FALSE(fs::exists(dir / "x"));
  AtomicFile file = AtomicFile::resume(dir / "x");
  CHECK(file.temporary() == AtomicFile::resumed_name(dir / "x"));
  std::array<std::byte, 4> bytes{};
  file.read_at(4, bytes);
  CHECK(bytes[3] == std::byte{'d'});
  CHECK_THROWS_WITH(file.read_at(6, bytes), Contains("truncated"));
  file.publish();
  CHECK(armorm::io::read_text_file(dir / "x") == std::string(4, '\0') + "abcd");
  CHECK(entries(dir.path()) == 1);
}

TEST_CASE("a target that cannot be written is an I/O error that names it", "[unit]") {
  const TempDir dir;
  armorm::io::publish_text(dir / "file", "");
  CHECK_THROWS_WITH(AtomicFile(dir / "file" / "below"),
                    Contains("file") && Contains("folder cannot be created"));
  CHECK_THROWS_WITH(AtomicFile(fs::path(dir.path().string() + "/")), Contains("expected a file"));
  fs::create_directory(dir / "folder");
  CHECK_THROWS_WITH(armorm::io::publish_text(dir / "folder", "x"),
                    Contains("folder") && Contains("put in place"));
  CHECK(entries(dir.path()) == 2);
}

TEST_CASE("text files are read whole, within a limit", "[unit]") {
  const TempDir dir;
  const std::string text(300'000, 'x');
  armorm::io::publish_text(dir / "x", text);
  CHECK(armorm::io::read_text_file(dir / "x") == text);
  CHECK(armorm::io::read_text_file(dir / "x", text.size()) == text);
  CHECK_THROWS_WITH(armorm::io::read_text_file(dir / "x", text.size() - 1), Contains("299999"));
  CHECK_THROWS_WITH(armorm::io::read_text_file(dir / "none"), Contains("none") && Contains("No such file"));
  CHECK_THROWS_WITH(armorm::io::read_text_file(dir.path()), Contains("cannot be read"));
}

TEST_CASE("mapped files", "[unit]") {
  const TempDir dir;
  armorm::io::publish_text(dir / "x", "hello");
  armorm::io::publish_text(dir / "empty", "");
  armorm::io::MappedFile file(dir / "x");
  CHECK(file.bytes().size() == 5);
  CHECK(file.bytes()[4] == std::byte{'o'});
  using Access = armorm::io::MappedFile::Access;
  for (const Access access : {Access::sequential, Access::random, Access::will_need, Access::dont_need}) {
    file.advise(access, 1, 4);
    file.advise(access, 4, ~std::size_t{0});
    file.advise(access, 5, 1);
  }
  armorm::io::MappedFile moved(std::move(file));
  CHECK(moved.bytes()[0] == std::byte{'h'});
  CHECK(armorm::io::MappedFile(dir / "empty").bytes().empty());
  CHECK_THROWS_WITH(armorm::io::MappedFile(dir / "none"), Contains("none"));
  CHECK_THROWS_WITH(armorm::io::MappedFile(dir.path()), Contains("regular file"));
}
