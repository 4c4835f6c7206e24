#include "core/reload_signal.h"

#include <atomic>

#include "core/error.h"

namespace armorm {
namespace {

// A signal handler takes no user data, so the flag is global.
std::atomic<int> received = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<int>::is_always_lock_free);

void remember(int signal) { received = signal; }

}  // namespace

ReloadSignal::ReloadSignal() {
  received = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGHUP, &action, &former_) != 0) fail_internal("SIGHUP cannot be handled");
}

ReloadSignal::~ReloadSignal() { sigaction(SIGHUP, &former_, nullptr); }

bool ReloadSignal::take() noexcept { return received.exchange(0) != 0; }

}  // namespace armorm
