// SHA-256 for artefact provenance and download checks; SHA-1 for files that git names; CRC-32 to detect torn
// writes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace armorm {

class Digest {
 public:
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  // io error when unreadable. Has stop points; `read` is called with the number of bytes of each block.
  void update_with_file(const std::filesystem::path& path, const std::function<void(std::size_t)>& read = {});
  std::string hex();  // lower-case digits; consumes the object

 protected:
  enum class Algorithm { sha1, sha256 };
  explicit Digest(Algorithm algorithm);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct Sha256 : Digest {
  Sha256() : Digest(Algorithm::sha256) {}
};
struct Sha1 : Digest {
  Sha1() : Digest(Algorithm::sha1) {}
};

std::string sha256_hex(std::string_view text);
std::string sha256_file_hex(const std::filesystem::path& path);  // io error when the file cannot be read

// CRC-32 as in zlib and ISO 3309.
std::uint32_t crc32(std::string_view text) noexcept;

}  // namespace armorm
