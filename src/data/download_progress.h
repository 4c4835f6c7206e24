// How far the download of a repository is, on stderr: a bar on a terminal, a line every few seconds otherwise.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace armorm::data {

// Thread-safe.
class DownloadProgress {
 public:
  // `total`: bytes still to come.
  DownloadProgress(std::string what, std::uint64_t total);
  ~DownloadProgress();  // ends the bar's line
  DownloadProgress(const DownloadProgress&) = delete;
  DownloadProgress& operator=(const DownloadProgress&) = delete;

  void received(std::uint64_t bytes);

 private:
  using Clock = std::chrono::steady_clock;
  std::string line() const;
  std::string what_;
  std::uint64_t total_;
  bool terminal_;
  std::mutex mutex_;
  std::uint64_t received_ = 0;
  bool drawn_ = false;
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_;
};

}  // namespace armorm::data
