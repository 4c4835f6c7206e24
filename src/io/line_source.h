// Lines that may still be coming: of a file, or of a pipe whose other end writes when it likes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace armorm {

class LineSource {
 public:
  virtual ~LineSource() = default;

  enum class Got { line, end, nothing };
  // The next line, without its "\n" or "\r\n"; nothing when it is not complete within `wait_ms` milliseconds.
  // Errors as LineReader's.
  virtual Got next(std::string& line, int wait_ms) = 0;
  virtual std::int64_t line_number() const = 0;  // of the line last read, from 1
};

// A file through a LineReader (gzip and zstd too), whose lines are always there; what is no regular file as a
// pipe. "-" is the standard input, read as plain text. io error when it cannot be opened.
std::unique_ptr<LineSource> open_line_source(const std::string& path);

}  // namespace armorm
