// Ends a process that is asked to stop, when its work is in a place without stop points: a call of a library,
// or a file system that does not answer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "armorm/stop.h"

namespace armorm {

class StopDeadline {
 public:
  // Calls `end`, on a thread of its own, when this object still lives `patience` after `request` first
  // returned true and no SavingWork is in progress. Nothing half-written has a published name then, as after
  // a kill.
  StopDeadline(StopRequested request, std::chrono::milliseconds patience, std::function<void()> end);
  ~StopDeadline();
  StopDeadline(const StopDeadline&) = delete;
  StopDeadline& operator=(const StopDeadline&) = delete;

 private:
  void watch();
  bool wait(std::chrono::milliseconds time);

  StopRequested request_;
  std::chrono::milliseconds patience_;
  std::function<void()> end_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;  // last member: it uses the others
};

}  // namespace armorm
