// Takes the library's log while it lives.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "armorm/log.h"

namespace armorm::test {

class LogCapture {
 public:
  // `lines` must outlive the capture.
  explicit LogCapture(std::vector<std::string>& lines) {
    log::set_sink([this, &lines](log::Level, std::string_view message) {
      const std::lock_guard lock(mutex_);
      lines.emplace_back(message);
    });
  }
  ~LogCapture() { log::set_sink({}); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;

 private:
  std::mutex mutex_;
};

}  // namespace armorm::test
