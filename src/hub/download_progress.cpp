#include "hub/download_progress.h"

#include <fmt/core.h>

#include "core/units.h"

namespace armorm::hub {
namespace {

constexpr auto kLogInterval = std::chrono::seconds(5);

}  // namespace

DownloadProgress::DownloadProgress(std::string what, std::uint64_t total)
    : what_(std::move(what)), total_(total), status_(kLogInterval) {}

DownloadProgress::~DownloadProgress() { status_.finish(line()); }

void DownloadProgress::received(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  received_ += bytes;
  if (status_.due()) status_.show(line());
}

std::string DownloadProgress::line() const {
  const double seconds = std::chrono::duration<double>(StatusLine::Clock::now() - start_).count();
  const double rate = seconds > 0 ? static_cast<double>(received_) / seconds : 0.0;
  // A file with wrong content is downloaded again, so received_ can exceed total_.
  const double left = received_ < total_ ? static_cast<double>(total_ - received_) / rate : 0.0;
  return fmt::format(
      "{} {} {} of {}, {} left, {}/s", what_,
      bar_text(total_ > 0 ? static_cast<double>(received_) / static_cast<double>(total_) : 1.0),
      bytes_text(received_), bytes_text(total_), duration_text(left),
      bytes_text(static_cast<std::uint64_t>(rate)));
}

}  // namespace armorm::hub
