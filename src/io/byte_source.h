// A file as a stream of bytes; gzip and zstd are decompressed while reading.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace armorm::io {

inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";  // of UTF-8

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Fills the front of `into` and returns the number of bytes; 0 at the end. io error when the file cannot be
  // read, data error when the compressed stream is damaged or ends too early.
  virtual std::size_t read(std::span<char> into) = 0;
};

// Chooses by the first bytes of the file, not by its name. io error when the file cannot be opened or is no
// regular file.
std::unique_ptr<ByteSource> open_byte_source(const std::filesystem::path& path);

// Reads the bytes of a text file one by one, without a UTF-8 byte order mark at its start.
class ByteReader {
 public:
  static constexpr int kEnd = -1;

  explicit ByteReader(const std::filesystem::path& path) : source_(open_byte_source(path)), block_(kBlock) {
    skip_byte_order_mark();
  }

  // The next byte, 0 to 255, or kEnd.
  int peek() {
    if (begin_ == end_ && !fill()) return kEnd;
    return static_cast<unsigned char>(block_[begin_]);
  }
  int get() {
    const int byte = peek();
    if (byte != kEnd) ++begin_;
    return byte;
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{1} << 17;
  bool fill() {
    begin_ = 0;
    end_ = source_->read(block_);
    return end_ > 0;
  }

  void skip_byte_order_mark() {
    while (end_ < kByteOrderMark.size()) {
      const std::size_t count = source_->read(std::span(block_).subspan(end_));
      if (count == 0) break;
      end_ += count;
    }
    if (std::string_view(block_.data(), end_).starts_with(kByteOrderMark)) begin_ = kByteOrderMark.size();
  }

  std::unique_ptr<ByteSource> source_;
  std::vector<char> block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace armorm::io
