#include "armorm/core/progress.h"

#include <unistd.h>

#include <cstdio>

#include "armorm/core/log.h"
#include "armorm/core/units.h"

namespace armorm {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kBarInterval = std::chrono::milliseconds(200);
constexpr auto kLineInterval = std::chrono::minutes(1);

}  // namespace

Progress::Progress(std::string what, std::int64_t total_rows)
    : what_(std::move(what)), total_(total_rows), terminal_(isatty(STDERR_FILENO) == 1), start_(Clock::now()) {
  next_ = start_ + (terminal_ ? Clock::duration(kBarInterval) : Clock::duration(kLineInterval));
}

Progress::~Progress() {
  if (drawn_) std::fprintf(stderr, "\r%s\n", line().c_str());
}

double Progress::seconds() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

void Progress::advance(std::int64_t rows, std::int64_t tokens) {
  rows_ += rows;
  tokens_ += tokens;
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

std::string Progress::line() const {
  const double elapsed = seconds();
  const double fraction = total_ > 0 ? static_cast<double>(rows_) / static_cast<double>(total_) : 1.0;
  const double rate = elapsed > 0 ? static_cast<double>(rows_) / elapsed : 0.0;
  const double left = rate > 0 ? static_cast<double>(total_ - rows_) / rate : 0.0;
  std::string text = fmt::format("{} {} {}/{} rows, {:.1f} rows/s", what_, bar_text(fraction), rows_, total_, rate);
  if (tokens_ > 0 && elapsed > 0) text += fmt::format(", {:.0f} tok/s", static_cast<double>(tokens_) / elapsed);
  return text + fmt::format(", {} left ", duration_text(left));
}

}  // namespace armorm
