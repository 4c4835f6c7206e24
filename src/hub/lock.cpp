#include "hub/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "core/error.h"
#include "core/log.h"

namespace armorm::hub {
namespace fs = std::filesystem;
namespace {

constexpr mode_t kGroupWritable = 0664;

int open_lock(const fs::path& file) {
  const int descriptor = io::retry(
      [&] { return ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kGroupWritable); });
  if (descriptor < 0)
    fail_io("{}: the lock cannot be opened: {}; check that the Hub cache is writable", file.string(),
            io::reason(errno));
  return descriptor;
}

// Polls, so that a stop request is noticed. Returns 0, or -1 with errno.
int wait_for_lock(int descriptor, const fs::path& file, const HttpOptions& options) {
  constexpr std::chrono::milliseconds kBetween{100};
  for (;;) {
    options.check_stop("lock " + file.string());
    if (io::retry([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) == 0) return 0;
    if (errno != EWOULDBLOCK && errno != EACCES) return -1;
    std::this_thread::sleep_for(kBetween);
  }
}

// False when the file system has no locks.
bool lock(int descriptor, const fs::path& file, const HttpOptions& options) {
  if (io::retry([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) == 0) return true;
  if (errno == EWOULDBLOCK || errno == EACCES) {
    log::info("waiting for another download of the same file (lock {})", file.string());
    if (wait_for_lock(descriptor, file, options) == 0) return true;
  }
  log::warn("{}: the file system has no locks ({}); a file may be downloaded twice", file.string(),
            io::reason(errno));
  return false;
}

// Older programs remove the lock file; a lock on a removed file protects nothing.
bool is_still_there(int descriptor) {
  struct stat status {};
  return ::fstat(descriptor, &status) == 0 && status.st_nlink > 0;
}

io::Descriptor acquire(const fs::path& file, const HttpOptions& options) {
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error) fail_io("{}: folder cannot be created: {}", file.parent_path().string(), error.message());
  for (;;) {
    io::Descriptor descriptor(open_lock(file));
    if (!lock(descriptor.get(), file, options) || is_still_there(descriptor.get())) return descriptor;
  }
}

}  // namespace

HubLock::HubLock(const fs::path& file, const HttpOptions& options) : descriptor_(acquire(file, options)) {}

}  // namespace armorm::hub
