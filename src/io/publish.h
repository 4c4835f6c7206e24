// Atomic publishing: a reader sees the old file, or the whole new one, and never a part of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "io/file_system.h"

namespace armorm {

namespace io {
class WritableFile;
}

// Writes to a temporary file beside `target`; publish() does fsync, rename onto the target, fsync of the
// folder. Destroyed before publish(), it removes the temporary file; one that a killed process left is
// removed by the next that writes the same target. Every failed call is an io error that names the path, the
// system's reason and, for a full disk, the bytes that were wanted. Not thread-safe.
class AtomicFile {
 public:
  // Creates the parent folders. `files` must outlive this.
  explicit AtomicFile(std::filesystem::path target, FileSystem& files = posix_file_system());
  // The temporary file has a fixed name, is opened with what an earlier process left in it, and is kept when
  // it is not published. Only for the holder of a lock on the target.
  static AtomicFile resume(std::filesystem::path target, FileSystem& files = posix_file_system());
  static std::filesystem::path resumed_name(const std::filesystem::path& target);  // "<target>.partial"

  ~AtomicFile();
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // data error when the file ends before
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const;
  void allocate(std::uint64_t size);  // reserves the space: a disk that is too small says so now
  void sync_data();                   // what was written survives a power loss from here on
  void publish();

  const std::filesystem::path& target() const noexcept { return target_; }
  const std::filesystem::path& temporary() const noexcept;

 private:
  AtomicFile(std::filesystem::path target, FileSystem& files, bool resumed);
  FileSystem* files_;
  std::filesystem::path target_;
  std::unique_ptr<io::WritableFile> file_;
  std::uint64_t end_ = 0;  // where write() goes on
  bool kept_;
};

void publish_text(const std::filesystem::path& target, std::string_view text,
                  FileSystem& files = posix_file_system());

}  // namespace armorm
