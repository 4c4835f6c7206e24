#include "core/stop_deadline.h"

#include <utility>

#include "core/stop_point.h"

namespace armorm {
namespace {

constexpr std::chrono::milliseconds kInterval(100);  // of the checks

}  // namespace

StopDeadline::StopDeadline(StopRequested request, std::chrono::milliseconds patience,
                           std::function<void()> end)
    : request_(std::move(request)), patience_(patience), end_(std::move(end)), thread_([this] { watch(); }) {}

StopDeadline::~StopDeadline() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

// False when the object is being destroyed.
bool StopDeadline::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, time, [this] { return over_; });
}

void StopDeadline::watch() {
  while (!request_())
    if (!wait(kInterval)) return;
  if (!wait(patience_)) return;
  while (SavingWork::in_progress())
    if (!wait(kInterval)) return;
  end_();
}

}  // namespace armorm
