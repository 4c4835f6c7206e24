#include "core/stop_signal.h"

#include <atomic>
#include <csignal>
#include <iterator>

#include "core/error.h"

namespace armorm {
namespace {

constexpr int kSignals[] = {SIGTERM, SIGUSR1, SIGINT};

// A handler has no argument of its own, so what it sets is the process's. Threads that deliver results ask
// for it, for which a sig_atomic_t would not do; a handler may use an atomic that takes no lock.
std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free);
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
