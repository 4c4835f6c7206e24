#include "core/stop_signal.h"

#include <atomic>
#include <csignal>
#include <iterator>

#include "core/error.h"

namespace armorm {
namespace {

constexpr int kSignals[] = {SIGTERM, SIGUSR1, SIGINT};

// A signal handler takes no user data, so the flag is global. Delivery threads read it too, which rules out
// sig_atomic_t; a handler may use a lock-free atomic.
std::atomic<int> received = 0;  // NOLINT(cppcoreguidelines-avoid-non-const-global-variables)
static_assert(std::atomic<int>::is_always_lock_free);
// NOLINTNEXTLINE(cppcoreguidelines-avoid-non-const-global-variables)
struct sigaction former[std::size(kSignals)];

void remember(int signal) { received = signal; }

}  // namespace

StopSignal::StopSignal() {
  received = 0;
  for (std::size_t i = 0; i < std::size(kSignals); ++i) {
    struct sigaction action {};
    action.sa_handler = remember;
    action.sa_flags = SA_RESTART | (kSignals[i] == SIGINT ? static_cast<int>(SA_RESETHAND) : 0);
    sigemptyset(&action.sa_mask);
    if (sigaction(kSignals[i], &action, &former[i]) != 0)
      fail_internal("signal {} cannot be handled", kSignals[i]);
  }
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &former[i], nullptr);
}

bool StopSignal::requested() const noexcept { return received != 0; }

}  // namespace armorm
