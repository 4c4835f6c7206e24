// A file as a stream of bytes, decompressed on the way when it is gzip or zstd.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace armorm::io {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the front of `into` and returns how much; 0 is the end. io error when the file cannot be read, data
  // error when the compressed stream is damaged or ends too early.
  virtual std::size_t read(std::span<char> into) = 0;
};

// Chooses by the first bytes of the file, not by its name. io error when it cannot be opened.
std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path);

}  // namespace armorm::io
