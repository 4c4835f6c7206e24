// Ends long work when the run that it belongs to is asked to stop. The request belongs to the thread, so that
// loops need no argument for it.
#pragma once

#include "armorm/stop.h"

namespace armorm {

// While it lives, the stop points of this thread ask `request`, instead of the one of a scope around it. A
// WorkerPool extends the scope of the thread that calls run() to its threads; a thread that is started
// otherwise needs a scope with current_stop_request().
class StopScope {
 public:
  explicit StopScope(StopRequested request);
  explicit StopScope(const StopRequested* request) noexcept;  // not copied; null = never
  ~StopScope();
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;

  static const StopRequested* of_this_thread() noexcept;

 private:
  StopRequested request_;
  const StopRequested* outer_;
};
StopRequested current_stop_request();

// Of work that has nothing of its own to say.
constexpr const char* kStoppedText = "asked to stop; what was saved is kept, the same command does the rest";

// Interrupted error if a stop is requested. A few nanoseconds; every loop that can take a second has one.
void stop_point();

// Work that saves its state when a stop is requested, and then ends by itself. A program ends soon after a
// signal whatever it does (core/stop_deadline.h), except during such work.
class SavingWork {
 public:
  SavingWork() noexcept;
  ~SavingWork();
  SavingWork(const SavingWork&) = delete;
  SavingWork& operator=(const SavingWork&) = delete;

  static bool in_progress() noexcept;  // on any thread
};

}  // namespace armorm
