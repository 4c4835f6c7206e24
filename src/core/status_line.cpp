#include "core/status_line.h"

#include "core/log.h"
#include "core/log_status.h"
#include "core/strings.h"

namespace armorm {
namespace {

constexpr auto kRedrawInterval = std::chrono::milliseconds(200);

}  // namespace

StatusLine::StatusLine(Clock::duration log_interval)
    : terminal_(log::draws_on_terminal()),
      interval_(terminal_ ? Clock::duration(kRedrawInterval) : log_interval),
      next_(Clock::now() + interval_) {}

void StatusLine::show(const std::string& text) {
  if (terminal_) {
    log::draw_status(shown(text));
    drawn_ = true;
  } else {
    log::info("{}", text);
  }
  next_ = Clock::now() + interval_;
}

void StatusLine::finish(const std::string& text) {
  if (drawn_) {
    log::draw_status(shown(text));
    log::keep_status();
  }
  drawn_ = false;
}

}  // namespace armorm
