#include "data/download_progress.h"

#include <unistd.h>

#include <cstdio>

#include "armorm/core/log.h"
#include "armorm/core/units.h"

namespace armorm::data {
namespace {

constexpr auto kBarInterval = std::chrono::milliseconds(200);
constexpr auto kLineInterval = std::chrono::seconds(5);

}  // namespace

DownloadProgress::DownloadProgress(std::string what, std::uint64_t total)
    : what_(std::move(what)), total_(total), terminal_(isatty(STDERR_FILENO) == 1) {
  next_ = start_ + (terminal_ ? Clock::duration(kBarInterval) : Clock::duration(kLineInterval));
}

DownloadProgress::~DownloadProgress() {
  if (drawn_) std::fprintf(stderr, "\r%s\n", line().c_str());
}

void DownloadProgress::received(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  received_ += bytes;
  const auto now = Clock::now();
  if (now < next_) return;
  if (terminal_) {
    std::fprintf(stderr, "\r%s", line().c_str());
    drawn_ = true;
    next_ = now + kBarInterval;
  } else {
    log::info("{}", line());
    next_ = now + kLineInterval;
  }
}

std::string DownloadProgress::line() const {
  const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(received_) / seconds : 0.0;
  // A file that came wrong is fetched again, so that more than the total may come.
  const double left = received_ < total_ ? static_cast<double>(total_ - received_) / rate : 0.0;
  return fmt::format("{} {} {} of {}, {}/s, {} left ", what_,
                     bar_text(total_ > 0 ? static_cast<double>(received_) / static_cast<double>(total_) : 1.0),
                     bytes_text(received_), bytes_text(total_), bytes_text(static_cast<std::uint64_t>(rate)), duration_text(left));
}

}  // namespace armorm::data
