// One progress line on stderr: redrawn in place on a terminal, otherwise logged at intervals.
#pragma once

#include <chrono>
#include <string>

namespace armorm {

// Not thread-safe.
class StatusLine {
 public:
  using Clock = std::chrono::steady_clock;
  // `log_interval`: time between two lines when stderr is not a terminal.
  explicit StatusLine(Clock::duration log_interval);

  bool due() const { return Clock::now() >= next_; }
  void show(const std::string& text);
  // Prints the final text, which stays; only if the line was drawn on a terminal.
  void finish(const std::string& text);

 private:
  bool terminal_;
  bool drawn_ = false;
  Clock::duration interval_;
  Clock::time_point next_;
};

}  // namespace armorm
