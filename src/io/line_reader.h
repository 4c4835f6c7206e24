// Lines of a text file that may be compressed (gzip or zstd, recognised by content).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "core/error.h"

namespace armorm::io {

// A line that is too long to be read. The reader continues with the line after it.
class LineTooLong : public Error {
 public:
  LineTooLong(const std::string& source, std::int64_t line, std::size_t max_bytes);
};

class LineReader {
 public:
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
  static constexpr std::size_t kMaxLineBytes = std::size_t{1} << 20;  // within a fuzzer's reach
#else
  static constexpr std::size_t kMaxLineBytes = std::size_t{256} << 20;
#endif

  // io error when the file cannot be opened
  explicit LineReader(const std::filesystem::path& path, std::size_t max_line_bytes = kMaxLineBytes);
  ~LineReader();
  LineReader(LineReader&&) noexcept;
  LineReader& operator=(LineReader&&) noexcept;

  // Reads the next line, without its "\n" or "\r\n"; false at the end. A UTF-8 byte order mark at the start
  // of the file is dropped. LineTooLong, a data error, on a line that is too long; data error on damaged
  // compressed data.
  bool next(std::string& line);
  std::int64_t line_number() const noexcept;  // number of the line last read, from 1

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::io
