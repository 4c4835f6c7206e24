#include "core/file_kind.h"

#include <sys/stat.h>

#include "core/error.h"

namespace armorm {

std::string_view kind_of_file(mode_t mode) {
  if (S_ISREG(mode)) return "a regular file";
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return S_ISLNK(mode) ? "a link" : "a device";
}

void check_regular_file(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || S_ISREG(status.st_mode)) return;
  fail_io("{}: cannot be read: found {}, expected a regular file", path.string(),
          kind_of_file(status.st_mode));
}

}  // namespace armorm
