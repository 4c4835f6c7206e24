// A file as a stream of bytes; gzip and zstd are decompressed while reading.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace armorm::io {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the front of `into` and returns the number of bytes; 0 at the end. io error when the file cannot be
  // read, data error when the compressed stream is damaged or ends too early.
  virtual std::size_t read(std::span<char> into) = 0;
};

// Chooses by the first bytes of the file, not by its name. io error when the file cannot be opened.
std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path);

}  // namespace armorm::io
