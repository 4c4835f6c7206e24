// A step of a run that can take long: it ends when the run is asked to stop, and reports its progress on
// stderr once it has taken a few seconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "core/status_line.h"

namespace armorm {

// Thread-safe.
class Phase {
 public:
  // "what: 5/10 units, ..."; `total` 0 = not known.
  Phase(std::string what, std::int64_t total, std::string units = "rows");
  ~Phase();
  Phase(const Phase&) = delete;
  Phase& operator=(const Phase&) = delete;

  // Both are stop points (core/stop_point.h).
  void advance(std::int64_t units = 1);
  void advance_to(std::int64_t done);

 private:
  void report();
  double seconds() const;
  std::string line() const;

  std::string what_;
  std::string units_;
  std::int64_t total_;
  std::atomic<std::int64_t> done_ = 0;
  std::mutex mutex_;  // of what follows
  StatusLine status_;
  bool shown_ = false;
  StatusLine::Clock::time_point start_;
};

}  // namespace armorm
