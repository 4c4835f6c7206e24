// SHA-256, for artefact provenance and for verifying downloads; SHA-1, for what git names; CRC-32, for
// telling a torn write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
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
  void update_with_file(const std::filesystem::path& path);  // io error when unreadable
  std::string hex();  // lower-case digits; the object is spent afterwards

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
std::string sha256_file_hex(const std::filesystem::path& path);  // io error when unreadable

// Of zlib and ISO 3309.
std::uint32_t crc32(std::string_view text) noexcept;

}  // namespace armorm
