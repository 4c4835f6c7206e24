// Lines that may still be arriving: from a file, or from a pipe whose other end writes at any time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace armorm::io {

class LineSource {
 public:
  virtual ~LineSource() = default;

  enum class Got { line, end, nothing };
  // The next line, without its "\n" or "\r\n"; none when it is not complete within `wait_ms` milliseconds.
  // Errors as for LineReader: after LineTooLong the next line can be read.
  virtual Got next(std::string& line, int wait_ms) = 0;
  virtual std::int64_t line_number() const = 0;  // number of the line last read, from 1
};

// Opens a regular file through a LineReader (gzip and zstd too); its lines are always available. Anything
// else is read as a pipe; "-" is the standard input, read as plain text. io error when it cannot be opened.
std::unique_ptr<LineSource> open_line_source(const std::string& path);

}  // namespace armorm::io
