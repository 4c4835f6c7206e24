#include "core/lost_mapping.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "support/test_support.h"

namespace fs = std::filesystem;
using namespace armorm;

namespace {

// Reads a mapped file after it was truncated, in a process whose stderr is `messages`; its status.
int read_truncated(const fs::path& path, const fs::path& messages) {
  const pid_t child = fork();
  if (child == 0) {
    const int err = open(messages.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    dup2(err, STDERR_FILENO);
    report_lost_mappings("stage9");
    const int file = open(path.c_str(), O_RDWR | O_CLOEXEC);
    const auto* bytes =
        static_cast<const volatile char*>(mmap(nullptr, 65536, PROT_READ, MAP_SHARED, file, 0));
    if (bytes == MAP_FAILED || ftruncate(file, 100) != 0) _exit(99);
    _exit(bytes[40000]);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

}  // namespace

TEST_CASE("a file truncated under its mapping is an I/O error that names it", "[unit]") {
  const test::TempDir dir;
  std::ofstream(dir / "weights.bin") << std::string(65536, 'x');
  const int status = read_truncated(dir / "weights.bin", dir / "messages");
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 3);
  std::ostringstream messages;
  messages << std::ifstream(dir / "messages").rdbuf();
  CHECK(messages.str() == "stage9: error: " + (dir / "weights.bin").string() +
                              ": cannot be read any more: it was truncated while it was in use, or its disk "
                              "failed; restore it and "
                              "repeat the command\n");
}

TEST_CASE("another bus error ends the process as usual", "[unit]") {
  const pid_t child = fork();
  if (child == 0) {
    report_lost_mappings("stage9");
    raise(SIGBUS);
    raise(SIGBUS);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGBUS);
}
