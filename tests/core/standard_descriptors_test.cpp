#include "core/standard_descriptors.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <functional>

using namespace armorm;

namespace {

// Exit code of a child that runs `work`.
int in_child(const std::function<int()>& work) {
  const pid_t child = fork();
  if (child == 0) _exit(work());
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

TEST_CASE("closed standard descriptors are taken by no other file", "[unit]") {
  const int first_free = in_child([] {
    for (int descriptor = 0; descriptor < 3; ++descriptor) close(descriptor);
    open_standard_descriptors();
    return open("/dev/null", O_RDONLY) > 2 ? 0 : 1;
  });
  CHECK(first_free == 0);
}

TEST_CASE("reading from a closed input and writing to a closed output stay errors, messages do not",
          "[unit]") {
  CHECK(in_child([] {
          for (int descriptor = 0; descriptor < 3; ++descriptor) close(descriptor);
          open_standard_descriptors();
          char byte = 'x';
          const bool reads = read(0, &byte, 1) >= 0;
          const bool writes = write(1, &byte, 1) >= 0;
          const bool logs = write(2, &byte, 1) == 1;
          return reads || writes || !logs ? 1 : 0;
        }) == 0);
}

TEST_CASE("open standard descriptors stay what they are", "[unit]") {
  CHECK(in_child([] {
          int ends[2];
          if (pipe(ends) != 0 || dup2(ends[1], 1) != 1) return 2;
          close(2);
          open_standard_descriptors();
          char byte = 'x';
          return write(1, &byte, 1) == 1 && read(ends[0], &byte, 1) == 1 ? 0 : 1;
        }) == 0);
}
