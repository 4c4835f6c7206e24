#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "io/file_system.h"

namespace armorm::io {
namespace fs = std::filesystem;
namespace {

class PosixFileSystem final : public FileSystem {
 public:
  int open(const fs::path& path, int flags) override { return ::open(path.c_str(), flags | O_CLOEXEC, 0666); }
  ssize_t write_at(int file, const std::byte* data, std::size_t size, off_t offset) override {
    return ::pwrite(file, data, size, offset);
  }
  // Not posix_fallocate(3): where the file system cannot reserve blocks, it writes the full file.
  int allocate(int file, off_t size) override {
    if (::ftruncate(file, size) != 0) return -1;
    if (size == 0 || ::fallocate(file, 0, 0, size) == 0) return 0;
    return errno == EOPNOTSUPP || errno == ENOSYS ? 0 : -1;
  }
  int truncate(int file, off_t size) override { return ::ftruncate(file, size); }
  int sync(int file) override { return ::fsync(file); }
  int sync_data(int file) override { return ::fdatasync(file); }
  int lock(int file) override { return ::flock(file, LOCK_EX | LOCK_NB); }
  int close(int file) override { return ::close(file); }
  int rename(const fs::path& from, const fs::path& to) override {
    return std::rename(from.c_str(), to.c_str());
  }
  int remove(const fs::path& file) override { return ::unlink(file.c_str()); }
  int make_folder(const fs::path& folder) override { return ::mkdir(folder.c_str(), 0777); }
  int remove_folder(const fs::path& folder) override { return ::rmdir(folder.c_str()); }
  int link(const fs::path& from, const fs::path& to) override { return ::link(from.c_str(), to.c_str()); }
  int exchange(const fs::path& one, const fs::path& other) override {
    return ::renameat2(AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(), RENAME_EXCHANGE);
  }
};

}  // namespace

FileSystem& posix_file_system() {
  static PosixFileSystem system;
  return system;
}

}  // namespace armorm::io
