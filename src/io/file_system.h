// The system calls that create files and make them durable. Everything that publishes files takes a
// FileSystem, so that a test can substitute a failing disk.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>

namespace armorm::io {

// Return values as the system calls: -1 and errno on failure; a write may be short. Thread-safe as far as the
// system calls are.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual int open(const std::filesystem::path& path, int flags) = 0;  // open(2); a new file gets mode 0666
  virtual ssize_t write_at(int file, const std::byte* data, std::size_t size, off_t offset) = 0;
  virtual int allocate(int file, off_t size) = 0;  // sets the size and reserves the blocks where possible
  virtual int truncate(int file, off_t size) = 0;
  virtual int sync(int file) = 0;       // data and metadata
  virtual int sync_data(int file) = 0;  // data, and the metadata needed to read it back
  virtual int lock(int file) = 0;       // exclusive, without waiting; released with the last descriptor
  virtual int close(int file) = 0;
  virtual int rename(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  virtual int remove(const std::filesystem::path& file) = 0;
  virtual int make_folder(const std::filesystem::path& folder) = 0;
  virtual int remove_folder(const std::filesystem::path& folder) = 0;  // only an empty folder
  // A second name for the same file; `from` must not be a symbolic link. Fails with EXDEV across file
  // systems.
  virtual int link(const std::filesystem::path& from, const std::filesystem::path& to) = 0;
  // Swaps the two names in one step. Fails with EINVAL or ENOSYS where that is not possible.
  virtual int exchange(const std::filesystem::path& one, const std::filesystem::path& other) = 0;
};

// The file system of the machine; stateless.
FileSystem& posix_file_system();

}  // namespace armorm::io
