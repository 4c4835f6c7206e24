#include "core/stop_point.h"

#include <atomic>
#include <utility>

#include "core/error.h"

namespace armorm {
namespace {

// The request is an attribute of the thread, and saving work one of the process.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
thread_local const StopRequested* request_of_thread = nullptr;
std::atomic<int> saving = 0;
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

}  // namespace

StopScope::StopScope(StopRequested request)
    : request_(std::move(request)), outer_(std::exchange(request_of_thread, &request_)) {}
StopScope::StopScope(const StopRequested* request) noexcept
    : outer_(std::exchange(request_of_thread, request)) {}
StopScope::~StopScope() { request_of_thread = outer_; }

const StopRequested* StopScope::of_this_thread() noexcept { return request_of_thread; }

StopRequested current_stop_request() {
  return request_of_thread != nullptr ? *request_of_thread : StopRequested();
}

void stop_point() {
  if (request_of_thread == nullptr || !*request_of_thread || !(*request_of_thread)()) return;
  fail_interrupted("{}", kStoppedText);
}

SavingWork::SavingWork() noexcept { ++saving; }
SavingWork::~SavingWork() { --saving; }
bool SavingWork::in_progress() noexcept { return saving > 0; }

}  // namespace armorm
