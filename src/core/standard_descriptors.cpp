#include "core/standard_descriptors.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "core/error.h"

namespace armorm {

// open(2) returns the lowest free number, which is this one, as those below it are open by then.
void open_standard_descriptors() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1 || errno != EBADF) continue;
    if (::open("/dev/null", descriptor == STDOUT_FILENO ? O_RDONLY : O_WRONLY) != descriptor)
      fail_io("/dev/null: cannot be opened in place of the closed descriptor {}; start with it open",
              descriptor);
  }
}

}  // namespace armorm
