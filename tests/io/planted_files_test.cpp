// Links, FIFOs and devices that somebody left where a program reads or writes: links are not followed,
// devices not replaced, and nothing waits.
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <fstream>

#include "core/error.h"
#include "core/hash.h"
#include "io/byte_source.h"
#include "io/mapped_file.h"
#include "io/publish.h"
#include "io/publish_folder.h"
#include "io/read_file.h"
#include "support/error_of.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::io;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

TEST_CASE("a link in place of a partial file is named, and its target kept", "[unit]") {
  const TempDir dir;
  for (const char* target : {"private", "new"}) {
    publish_text(dir / "private", "secret");
    fs::create_symlink(dir / target, dir / "x.partial");
    CHECK_THAT(error_of([&] { AtomicFile::resume(dir / "x").write("rows"); }, ErrorKind::io),
               Contains("x.partial") && Contains("it is a link"));
    CHECK(read_text_file(dir / "private") == "secret");
    CHECK_FALSE(fs::exists(dir / "new"));
    fs::remove(dir / "x.partial");
  }
  REQUIRE(mkfifo((dir / "x.partial").c_str(), 0600) == 0);
  CHECK_THAT(error_of([&] { AtomicFile::resume(dir / "x"); }, ErrorKind::io),
             Contains("x.partial: found a FIFO, expected a regular file"));
}

TEST_CASE("a link with the target's name is replaced, and folders are reached through links", "[unit]") {
  const TempDir dir;
  publish_text(dir / "other disk/private", "secret");
  fs::create_directory_symlink(dir / "other disk", dir / "root");
  fs::create_symlink(dir / "other disk/private", dir / "other disk/x");
  publish_text(dir / "root/x", "new");
  CHECK(read_text_file(dir / "other disk/x") == "new");
  CHECK_FALSE(fs::is_symlink(dir / "other disk/x"));
  CHECK(read_text_file(dir / "other disk/private") == "secret");
  AtomicFile::resume(dir / "root/y").publish();
  CHECK(fs::exists(dir / "other disk/y"));
}

TEST_CASE("a device or FIFO with the target's name is not replaced", "[unit]") {
  const TempDir dir;
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  CHECK_THAT(error_of([&] { publish_text(dir / "fifo", "x"); }, ErrorKind::io),
             Contains("fifo: cannot be put in place: found a FIFO"));
  CHECK(fs::is_fifo(dir / "fifo"));
  CHECK(std::distance(fs::directory_iterator(dir.path()), {}) == 1);
  if (mknod((dir / "null").c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0)
    ARMORM_SKIP("device files cannot be made here");
  CHECK_THAT(error_of([&] { publish_text(dir / "null", "x"); }, ErrorKind::io), Contains("found a device"));
  CHECK(fs::is_character_file(dir / "null"));
}

TEST_CASE("a temporary file that somebody replaced is not published", "[unit]") {
  const TempDir dir;
  AtomicFile file(dir / "x");
  file.write("mine");
  const fs::path temporary = file.temporary();
  fs::remove(temporary);
  std::ofstream(temporary) << "not mine";
  CHECK_THAT(error_of([&] { file.publish(); }, ErrorKind::io), Contains("x: cannot be put in place"));
  CHECK_FALSE(fs::exists(dir / "x"));
}

TEST_CASE("links with the names of interrupted folders are left alone", "[unit]") {
  for (const char* ending : {"old", "new", "tmp"}) {
    for (const bool target_exists : {false, true}) {
      CAPTURE(ending, target_exists);
      const TempDir dir;
      publish_text(dir / "private/letter", "secret");
      if (target_exists) publish_text(dir / "model/text", "earlier");
      const fs::path planted = dir / (std::string(".model.0123456789abcdef.") + ending);
      fs::create_directory_symlink(dir / "private", planted);
      {
        AtomicFolder folder(dir / "model");
        publish_text(folder.building() / "text", "new");
        folder.publish();
      }
      CHECK(fs::is_symlink(planted));
      CHECK(read_text_file(dir / "private/letter") == "secret");
      CHECK(read_text_file(dir / "model/text") == "new");
    }
  }
}

TEST_CASE("a FIFO in place of an input is refused at once", "[unit]") {
  const TempDir dir;
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  const auto refused = [](const auto& read) {
    CHECK_THAT(error_of(read, ErrorKind::io), Contains("fifo: cannot be read: found a FIFO"));
  };
  refused([&] { read_text_file(dir / "fifo"); });
  refused([&] { open_byte_source(dir / "fifo"); });
  refused([&] { MappedFile{dir / "fifo"}; });
  refused([&] { sha256_file_hex(dir / "fifo"); });
  fs::create_symlink("fifo", dir / "link to fifo");
  refused([&] { read_text_file(dir / "link to fifo"); });
}
