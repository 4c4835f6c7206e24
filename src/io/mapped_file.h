// A read-only memory-mapped file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace armorm::io {

class MappedFile {
 public:
  // io error when the file is missing or cannot be mapped. An empty file maps to an empty span.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  const std::filesystem::path& path() const noexcept { return path_; }

  enum class Access { normal, sequential, random, will_need, dont_need };
  // Hint for [offset, offset + size); never fails.
  void advise(Access access, std::size_t offset, std::size_t size) const noexcept;

 private:
  void unmap() noexcept;
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

}  // namespace armorm::io
