// Progress of a long run on stderr: a bar on a terminal, one line a minute otherwise.
#pragma once

#include <cstdint>
#include <string>

#include "core/status_line.h"

namespace armorm {

// Not thread-safe.
class Progress {
 public:
  Progress(std::string what, std::int64_t total_rows);
  ~Progress();  // ends the bar's line
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::int64_t rows, std::int64_t tokens = 0);

 private:
  std::string line() const;
  std::string what_;
  std::int64_t total_;
  std::int64_t rows_ = 0;
  std::int64_t tokens_ = 0;
  StatusLine status_;
  StatusLine::Clock::time_point start_;
};

}  // namespace armorm
