#include "io/open_regular.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/error.h"
#include "core/file_kind.h"

namespace armorm::io {

// O_NONBLOCK changes nothing about reading a regular file.
Descriptor open_regular(const std::filesystem::path& path) {
  Descriptor file(retry([&] { return ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); }));
  // What cannot be opened may still be known to be none: open(2) fails on a socket.
  if (file.get() < 0) {
    const int why = errno;
    check_regular_file(path);
    fail_io("{}: cannot be opened: {}; check the path", path.string(), reason(why));
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail_io("{}: stat failed: {}", path.string(), reason(errno));
  if (!S_ISREG(status.st_mode))
    fail_io("{}: cannot be read: found {}, expected a regular file", path.string(),
            kind_of_file(status.st_mode));
  return file;
}

}  // namespace armorm::io
