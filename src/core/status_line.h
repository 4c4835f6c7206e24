// One line on stderr that tells how far something is: redrawn in place on a terminal, logged now and then
// otherwise.
#pragma once

#include <chrono>
#include <string>

namespace armorm {

// Not thread-safe.
class StatusLine {
 public:
  using Clock = std::chrono::steady_clock;
  // `log_interval`: between two lines where stderr is no terminal.
  explicit StatusLine(Clock::duration log_interval);

  bool due() const { return Clock::now() >= next_; }
  void show(const std::string& text);
  // The last word, which stays; only where the line was drawn on a terminal.
  void finish(const std::string& text);

 private:
  bool terminal_;
  bool drawn_ = false;
  Clock::duration interval_;
  Clock::time_point next_;
};

}  // namespace armorm
