// Atomic publishing: a reader sees the old file or the complete new one, never an incomplete one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "io/file_system.h"

namespace armorm::io {
class WritableFile;

// Writes to a temporary file next to `target`; publish() does fsync, rename onto the target, fsync of the
// folder. If it is destroyed before publish(), it removes the temporary file; the temporary file of a killed
// process is removed by the next process that writes the same target. A link with the target's name is
// replaced, a link with the temporary file's name refused: neither is followed. Every failed call is an io
// error that names the path, the system's reason and, for a full disk, the number of bytes to write. Not
// thread-safe.
class AtomicFile {
 public:
  // Creates the parent folders. `files` must outlive the object.
  explicit AtomicFile(std::filesystem::path target, FileSystem& files = posix_file_system());
  // The temporary file has a fixed name, keeps what an earlier process left in it, and is not removed if it
  // is not published. Only for the holder of a lock on the target.
  static AtomicFile resume(std::filesystem::path target, FileSystem& files = posix_file_system());
  static std::filesystem::path resumed_name(const std::filesystem::path& target);  // "<target>.partial"

  ~AtomicFile();
  AtomicFile(AtomicFile&&) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // data error when the file ends earlier
  void read_at(std::uint64_t offset, std::span<std::byte> bytes) const;
  void allocate(std::uint64_t size);  // reserves the space, so that a full disk is an error now
  void sync_data();                   // what was written survives a power loss from here on
  void publish();
  // Also keeps what the target named before, as `previous` in the same folder. At no time are both missing.
  void publish(const std::filesystem::path& previous);

  const std::filesystem::path& target() const noexcept { return target_; }
  const std::filesystem::path& temporary() const noexcept;

 private:
  AtomicFile(std::filesystem::path target, FileSystem& files, bool resumed);
  int put_in_place(const std::filesystem::path& previous);
  FileSystem* files_;
  std::filesystem::path target_;
  std::unique_ptr<WritableFile> file_;
  std::uint64_t end_ = 0;  // position of the next write()
  bool kept_;
};

void publish_text(const std::filesystem::path& target, std::string_view text,
                  FileSystem& files = posix_file_system());
}  // namespace armorm::io
