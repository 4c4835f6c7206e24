// Atomic publishing: a reader sees the old file, or the whole new one, and never a part of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace armorm {

// Writes to a temporary file beside `target`; publish() does fsync, rename onto the target, fsync of the
// folder. Destroyed before publish(), it removes the temporary file. Every failed call is an io error that
// names the path, the system's reason and, for a full disk, the bytes that were wanted. Not thread-safe.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path target);  // creates the parent folders
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  void publish();

  const std::filesystem::path& target() const noexcept { return target_; }
  const std::filesystem::path& temporary() const noexcept { return temporary_; }

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
};

void publish_text(const std::filesystem::path& target, std::string_view text);

// The whole file; io error when missing, data error above `limit` bytes.
std::string read_text_file(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 30);

}  // namespace armorm
