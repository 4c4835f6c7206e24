#include "armorm/io/publish.h"

#include <sys/resource.h>

#include <csignal>

#include "armorm/core/error.h"
#include "armorm/io/mapped_file.h"
#include "support/test_support.h"

namespace fs = std::filesystem;
using armorm::AtomicFile;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

std::size_t entries(const fs::path& folder) {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), {}));
}

// While alive, a write past `bytes` fails with EFBIG, as it would on a full disk with ENOSPC.
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
  armorm::publish_text(target, "old");
  {
    AtomicFile file(target);
    file.write("new ");
    file.write_at(8, std::as_bytes(std::span("end", 3)));
    file.write("text");
    CHECK(file.temporary().parent_path() == target.parent_path());
    CHECK(armorm::read_text_file(target) == "old");
    file.publish();
    CHECK(armorm::read_text_file(target) == "new textend");
    CHECK_THROWS_WITH(file.publish(), Contains("published twice"));
  }
  CHECK(entries(target.parent_path()) == 1);
}

TEST_CASE("an abandoned or failed write leaves the old file and no other", "[unit]") {
  const TempDir dir;
  armorm::publish_text(dir / "x", "old");
  {
    AtomicFile file(dir / "x");
    file.write("half");
  }
  {
    AtomicFile file(dir / "x");
    const FileSizeLimit limit(10);
    // The first ten bytes go out in a short write; the rest fails.
    CHECK_THROWS_WITH(file.write("0123456789abc"), Contains("writing 3 bytes failed"));
  }
  CHECK(armorm::read_text_file(dir / "x") == "old");
  CHECK(entries(dir.path()) == 1);
}

TEST_CASE("a target that cannot be written is an I/O error that names it", "[unit]") {
  const TempDir dir;
  armorm::publish_text(dir / "file", "");
  CHECK_THROWS_WITH(AtomicFile(dir / "file" / "below"),
                    Contains("file") && Contains("folder cannot be created"));
  CHECK_THROWS_WITH(AtomicFile(fs::path(dir.path().string() + "/")), Contains("expected a file"));
  fs::create_directory(dir / "folder");
  CHECK_THROWS_WITH(armorm::publish_text(dir / "folder", "x"),
                    Contains("folder") && Contains("put in place"));
  CHECK(entries(dir.path()) == 2);
}

TEST_CASE("text files are read whole, within a limit", "[unit]") {
  const TempDir dir;
  const std::string text(300'000, 'x');
  armorm::publish_text(dir / "x", text);
  CHECK(armorm::read_text_file(dir / "x") == text);
  CHECK(armorm::read_text_file(dir / "x", text.size()) == text);
  CHECK_THROWS_WITH(armorm::read_text_file(dir / "x", text.size() - 1), Contains("299999"));
  CHECK_THROWS_WITH(armorm::read_text_file(dir / "none"), Contains("none") && Contains("No such file"));
  CHECK_THROWS_WITH(armorm::read_text_file(dir.path()), Contains("cannot be read"));
}

TEST_CASE("mapped files", "[unit]") {
  const TempDir dir;
  armorm::publish_text(dir / "x", "hello");
  armorm::publish_text(dir / "empty", "");
  armorm::MappedFile file(dir / "x");
  CHECK(file.bytes().size() == 5);
  CHECK(file.bytes()[4] == std::byte{'o'});
  using Access = armorm::MappedFile::Access;
  for (const Access access : {Access::sequential, Access::random, Access::will_need, Access::dont_need}) {
    file.advise(access, 1, 4);
    file.advise(access, 4, ~std::size_t{0});
    file.advise(access, 5, 1);
  }
  armorm::MappedFile moved(std::move(file));
  CHECK(moved.bytes()[0] == std::byte{'h'});
  CHECK(armorm::MappedFile(dir / "empty").bytes().empty());
  CHECK_THROWS_WITH(armorm::MappedFile(dir / "none"), Contains("none"));
  CHECK_THROWS_WITH(armorm::MappedFile(dir.path()), Contains("regular file"));
}
