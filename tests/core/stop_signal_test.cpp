#include "core/stop_signal.h"

#include <csignal>

#include "support/test_support.h"

TEST_CASE("signals that end a process ask it to end while a StopSignal lives", "[unit]") {
  const auto before = std::signal(SIGTERM, SIG_IGN);
  for (const int signal : {SIGTERM, SIGUSR1, SIGINT}) {
    const armorm::StopSignal stop;
    CHECK_FALSE(stop.requested());
    std::raise(signal);
    CHECK(stop.requested());
  }
  CHECK(std::signal(SIGTERM, before) == SIG_IGN);  // unchanged
}
