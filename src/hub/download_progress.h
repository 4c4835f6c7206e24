// Download progress of a repository on stderr: a bar on a terminal, a line every few seconds otherwise.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "core/status_line.h"

namespace armorm::hub {

// Thread-safe.
class DownloadProgress {
 public:
  // `total`: bytes to download.
  DownloadProgress(std::string what, std::uint64_t total);
  ~DownloadProgress();  // ends the bar's line
  DownloadProgress(const DownloadProgress&) = delete;
  DownloadProgress& operator=(const DownloadProgress&) = delete;

  void received(std::uint64_t bytes);

 private:
  std::string line() const;
  std::string what_;
  std::uint64_t total_;
  std::mutex mutex_;
  std::uint64_t received_ = 0;
  StatusLine status_;
  StatusLine::Clock::time_point start_ = StatusLine::Clock::now();
};

}  // namespace armorm::hub
