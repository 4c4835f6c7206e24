// An output keeps its nature: devices, FIFOs, descriptors and links are written, not replaced.
#include "io/output_file.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <future>

#include "core/error.h"
#include "io/read_file.h"
#include "io/system_call.h"
#include "support/error_of.h"
#include "support/other_user.h"
#include "support/test_support.h"

using namespace armorm;
using namespace armorm::io;
using namespace armorm::test;
using Catch::Matchers::Contains;
namespace fs = std::filesystem;

namespace {

void write_two(const fs::path& name) {
  OutputFile out(name);
  out.write("one\n");
  out.write("two\n");
  out.publish();
}

std::string read_all(const fs::path& fifo) {
  const Descriptor file(open(fifo.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char byte = 0;
  while (read(file.get(), &byte, 1) == 1) text += byte;
  return text;
}

std::string refusal(const fs::path& name) {
  return error_of([&] { OutputFile{name}; }, ErrorKind::io);
}

}  // namespace

TEST_CASE("a regular output appears when it is complete", "[unit]") {
  const TempDir dir;
  for (const char* before : {"", "earlier"}) {
    if (*before != '\0') publish_text(dir / "new/out", before);
    OutputFile out(dir / "new/out");
    out.write("text");
    CHECK((fs::exists(dir / "new/out") ? read_text_file(dir / "new/out") : "") == before);
    out.publish();
    CHECK(read_text_file(dir / "new/out") == "text");
  }
}

TEST_CASE("a FIFO passes results on and stays", "[unit]") {
  const TempDir dir;
  REQUIRE(mkfifo((dir / "fifo").c_str(), 0600) == 0);
  auto reader = std::async(std::launch::async, [&] { return read_all(dir / "fifo"); });
  write_two(dir / "fifo");
  CHECK(reader.get() == "one\ntwo\n");
  CHECK(fs::is_fifo(dir / "fifo"));
}

TEST_CASE("a character device is written and stays", "[unit]") {
  const TempDir dir;
  if (mknod((dir / "null").c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0)
    ARMORM_SKIP("device files cannot be made here");
  write_two(dir / "null");
  CHECK(fs::is_character_file(dir / "null"));
  REQUIRE(mknod((dir / "full").c_str(), S_IFCHR | 0600, makedev(1, 7)) == 0);
  CHECK_THAT(error_of([&] { write_two(dir / "full"); }, ErrorKind::io),
             Contains("full: writing 4 bytes failed: No space left"));
  CHECK(fs::is_character_file(dir / "full"));
}

TEST_CASE("an output link stays, and what it leads to is written", "[unit]") {
  const TempDir dir;
  publish_text(dir / "disk/out", "earlier");
  fs::create_symlink("disk/out", dir / "link");
  fs::create_symlink(dir / "link", dir / "link to link");
  fs::create_symlink("disk/new", dir / "link to nothing");
  write_two(dir / "link to link");
  CHECK(fs::is_symlink(dir / "link to link"));
  CHECK(fs::is_symlink(dir / "link"));
  CHECK(read_text_file(dir / "disk/out") == "one\ntwo\n");
  write_two(dir / "link to nothing");
  CHECK(fs::is_symlink(dir / "link to nothing"));
  CHECK(read_text_file(dir / "disk/new") == "one\ntwo\n");
}

TEST_CASE("a descriptor of the process is written where it stands", "[unit]") {
  const TempDir dir;
  publish_text(dir / "log", "kept\n");
  const Descriptor log(open((dir / "log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  REQUIRE(log.get() >= 0);
  write_two("/dev/fd/" + std::to_string(log.get()));
  CHECK(read_text_file(dir / "log") == "kept\none\ntwo\n");
}

TEST_CASE("an output that is no file to write is refused by name before any work", "[unit]") {
  const TempDir dir;
  fs::create_directory(dir / "folder");
  CHECK_THAT(refusal(dir / "folder"), Contains("folder: found a folder, expected a file"));
  fs::create_symlink("loop", dir / "loop");
  CHECK_THAT(refusal(dir / "loop"), Contains("loop: leads through too many links"));
  const Descriptor listener(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (dir / "socket").string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  REQUIRE(bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  CHECK_THAT(refusal(dir / "socket"), Contains("socket: found a socket"));
  CHECK(fs::is_socket(dir / "socket"));
}

TEST_CASE("another user's link is not followed", "[unit]") {
  if (!can_be_other_user()) ARMORM_SKIP("only root makes files of other users");
  const TempDir dir;
  publish_text(dir / "private", "secret");
  fs::create_symlink(dir / "private", dir / "out");
  REQUIRE(lchown((dir / "out").c_str(), kOtherUser, kOtherUser) == 0);
  CHECK_THAT(refusal(dir / "out"), Contains("out: a link made by user 65534, which is not followed"));
  CHECK(read_text_file(dir / "private") == "secret");
}
