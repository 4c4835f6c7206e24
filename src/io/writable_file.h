// A file being written, and the steps that make it durable. Every failed call is an io error that names the
// path, the system's reason and, for a full disk, the number of bytes to write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "io/file_system.h"

namespace armorm::io {

// The destructor closes the file and ignores a failure; call close() to detect one. Not thread-safe.
class WritableFile {
 public:
  // `flags` as for open(2), without the access mode. A link with this name is not followed, and anything but
  // a regular file is refused: in a shared folder somebody else may have planted it.
  WritableFile(FileSystem& files, std::filesystem::path path, int flags);
  ~WritableFile();
  WritableFile(const WritableFile&) = delete;
  WritableFile& operator=(const WritableFile&) = delete;

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  void read_at(std::uint64_t offset,
               std::span<std::byte> bytes) const;  // data error when the file ends before
  void allocate(std::uint64_t size);
  void truncate(std::uint64_t size);
  void sync();
  void sync_data();
  void close();
  void reopen();

  bool lock();                  // exclusive, without waiting; false with errno set
  bool is_still_there() const;  // the name still refers to this file
  bool is_open() const noexcept { return file_ >= 0; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  FileSystem& files_;
  std::filesystem::path path_;
  int flags_;
  int file_ = -1;
};

std::filesystem::path folder_of(const std::filesystem::path& file);

// Creates missing parents too. The entry of each new folder is durable before its content can be.
void make_folders(FileSystem& files, const std::filesystem::path& folder);

// Makes new, renamed and removed entries durable.
void sync_folder(FileSystem& files, const std::filesystem::path& folder);

// Whether this process may create files in the folder.
bool is_writable(const std::filesystem::path& folder);

// False only when there is none. A name that cannot be looked up is an io error, since an existing file must
// not be overwritten.
bool exists(const std::filesystem::path& path);

// False when there was none.
bool remove_file(FileSystem& files, const std::filesystem::path& file);

}  // namespace armorm::io
