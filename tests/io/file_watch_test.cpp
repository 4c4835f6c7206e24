// Every way to change a file is noticed, and what does not change it is not.
#include "io/file_watch.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "core/error.h"
#include "support/error_of.h"
#include "support/test_support.h"

namespace fs = std::filesystem;
using namespace armorm;
using armorm::io::FileWatch;
using armorm::test::error_of;
using armorm::test::TempDir;
using Catch::Matchers::Contains;

namespace {

void put(const fs::path& path, const std::string& text, std::ios::openmode mode = std::ios::trunc) {
  std::ofstream(path, std::ios::binary | mode) << text;
}

struct Watched {
  Watched() {
    put(dir / "other", "untouched");
    put(dir / "f", "content");
    watch.add(dir / "other");
    watch.add(dir / "f");
    std::this_thread::sleep_for(
        std::chrono::milliseconds(20));  // more than a tick of the file system's clock
  }
  std::string failure() const {
    return error_of([&] { watch.check(); }, ErrorKind::data);
  }
  std::string content_failure() const {
    return error_of([&] { watch.check_content(); }, ErrorKind::data);
  }

  TempDir dir;
  FileWatch watch{"it was counted"};
};

}  // namespace

TEST_CASE("reading, linking and touching the rights of a file is no change", "[unit]") {
  Watched w;
  std::string text;
  std::ifstream(w.dir / "f") >> text;
  fs::create_hard_link(w.dir / "f", w.dir / "link");
  chmod((w.dir / "f").c_str(), 0600);
  w.watch.check();
  w.watch.check_content();
}

TEST_CASE("a file that grows, shrinks or is written over was changed", "[unit]") {
  const std::string name = "/f: was changed while it was counted (it had 7 bytes, and has ";
  {
    const Watched w;
    put(w.dir / "f", "more", std::ios::app);
    CHECK_THAT(w.failure(), Contains(name + "11)") && Contains("repeat the command"));
    CHECK_THAT(w.content_failure(), Contains(name + "11)"));
  }
  {
    const Watched w;
    fs::resize_file(w.dir / "f", 3);
    CHECK_THAT(w.failure(), Contains(name + "3)"));
    CHECK_THAT(w.content_failure(), Contains(name + "3)"));
  }
  const Watched w;
  put(w.dir / "f", "CONTENT");
  CHECK_THAT(w.failure(), Contains("/f: was changed while it was counted (it was written over)"));
  CHECK_THAT(w.content_failure(), Contains("(it was written over)"));
}

TEST_CASE("a file that is replaced, moved or deleted is missed by its name alone", "[unit]") {
  {
    const Watched w;
    put(w.dir / "g", "content");
    fs::rename(w.dir / "g", w.dir / "f");
    CHECK_THAT(w.failure(), Contains("/f: was replaced by another file while it was counted"));
    w.watch.check_content();
  }
  const Watched w;
  fs::rename(w.dir / "f", w.dir / "g");
  CHECK_THAT(w.failure(),
             Contains("/f: was moved or deleted while it was counted") && Contains("put it back"));
  w.watch.check_content();
  fs::remove(w.dir / "g");
  CHECK_THAT(w.failure(), Contains("was moved or deleted"));
}

TEST_CASE("a file that is not there cannot be watched", "[unit]") {
  FileWatch watch;
  CHECK_THAT(error_of([&] { watch.add("/nowhere/file"); }, ErrorKind::io), Contains("/nowhere/file"));
}
