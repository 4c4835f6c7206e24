// Takes what stages print to standard output and log.
#pragma once

#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "support/log_capture.h"

namespace armorm::test {

// While it lives.
class Silence {
 public:
  Silence() : capture_(log_), before_(std::cout.rdbuf(sink_.rdbuf())) {}
  ~Silence() { std::cout.rdbuf(before_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  const std::vector<std::string>& log() const { return log_; }

 private:
  std::vector<std::string> log_;
  LogCapture capture_;
  std::ostringstream sink_;
  std::streambuf* before_;
};

// Returns what `run` logs.
inline std::vector<std::string> quietly(const std::function<void()>& run) {
  const Silence silence;
  run();
  return silence.log();
}

}  // namespace armorm::test
