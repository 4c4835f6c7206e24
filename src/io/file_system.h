// The calls by which files come to be and become durable. Everything that publishes files takes one, so that
// a test can put a failing disk in its place.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>

namespace armorm {

// As the system calls: -1 and errno on failure, a write may be short. Thread-safe as far as the system's are.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual int open(const std::filesystem::path& path, int flags) = 0;  // open(2); a new file gets mode 0666
  virtual ssize_t write_at(int file, const std::byte* data, std::size_t size, off_t offset) = 0;
  virtual int allocate(
      int file, off_t size) = 0;  // the file gets this size, its blocks reserved where that is possible
  virtual int truncate(int file, off_t size) = 0;
  virtual int sync(int file) = 0;       // data and metadata
  virtual int sync_data(int file) = 0;  // data, and what metadata reading it back needs
  virtual int lock(int file) = 0;       // exclusive, without waiting; gone with the last descriptor
  virtual int close(int file) = 0;
  virtual int rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual int remove(const std::filesystem::path& file) = 0;
  virtual int make_folder(const std::filesystem::path& folder) = 0;
  virtual int remove_folder(const std::filesystem::path& folder) = 0;  // an empty one
  // A second name of the same file; `from` must not be a symbolic link. Fails with EXDEV across file systems.
  virtual int link(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  // Both names stay, and change what they name, in one step. Fails with EINVAL or ENOSYS where that is not
  // possible.
  virtual int exchange(const std::filesystem::path& one, const std::filesystem::path& other) = 0;
};

// The machine's own; stateless.
FileSystem& posix_file_system();

}  // namespace armorm
