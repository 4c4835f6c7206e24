// Stop points, the threads that they reach, the deadline behind them, and the progress of phases.
#include "core/stop_point.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "core/error.h"
#include "core/hash.h"
#include "core/parallel.h"
#include "core/phase.h"
#include "core/stop_deadline.h"
#include "support/error_of.h"
#include "support/log_capture.h"
#include "support/test_support.h"

using namespace armorm;
using namespace std::chrono_literals;

TEST_CASE("a stop point ends work that is asked to stop, and nothing else", "[unit]") {
  stop_point();  // without a scope
  bool asked = false;
  const StopScope scope([&asked] { return asked; });
  stop_point();
  asked = true;
  CHECK_THAT(test::error_of([] { stop_point(); }, ErrorKind::interrupted),
             Catch::Matchers::Contains("asked to stop"));
  {
    const StopScope never{StopRequested()};
    stop_point();
    CHECK_FALSE(current_stop_request());
  }
  CHECK(current_stop_request()());
  std::thread([] { stop_point(); }).join();  // of no run
}

TEST_CASE("the threads of a parallel loop have the stop points of the thread that runs it", "[unit]") {
  std::atomic<int> asked = 0;
  const auto loop = [] { parallel_for(1000, 4, [](std::int64_t) { stop_point(); }); };
  {
    const StopScope scope([&asked] { return ++asked > 500; });
    test::error_of(loop, ErrorKind::interrupted);
  }
  CHECK(asked > 500);
  CHECK(asked < 520);  // the others stop at their next index
  loop();
}

TEST_CASE("a phase is a stop point", "[unit]") {
  const StopScope scope([] { return true; });
  Phase phase("reading", 10);
  test::error_of([&] { phase.advance(); }, ErrorKind::interrupted);
  test::error_of([&] { phase.advance_to(5); }, ErrorKind::interrupted);
}

TEST_CASE("a phase of more than three seconds reports its progress and its end", "[unit]") {
  std::vector<std::string> lines;
  {
    const test::LogCapture log(lines);
    Phase quick("quick", 10);
    quick.advance();
    Phase slow("slow", 10, "parts");
    slow.advance();
    std::this_thread::sleep_for(3100ms);
    slow.advance();
    slow.advance();
  }
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  CHECK(text.find("slow [####                    ] 2/10 parts, ") != std::string::npos);
  CHECK(text.find("slow: ended after 3 s") != std::string::npos);
  CHECK(text.find("quick") == std::string::npos);
  CHECK(text.find("3/10") == std::string::npos);  // a line a minute
}

TEST_CASE("a file is digested with stop points", "[unit]") {
  const StopScope scope([] { return true; });
  test::error_of([] { sha256_file_hex("/proc/self/exe"); }, ErrorKind::interrupted);
}

TEST_CASE("a deadline ends what does not end by itself, but not while it saves", "[unit]") {
  std::atomic<bool> asked = false;
  std::atomic<bool> ended = false;
  const auto end = [&ended] { ended = true; };
  {
    const StopDeadline in_time([&asked] { return asked.load(); }, 0ms, end);
    std::this_thread::sleep_for(200ms);
  }
  CHECK_FALSE(ended);  // nothing was asked
  asked = true;
  {
    const StopDeadline by_itself([&asked] { return asked.load(); }, 10s, end);
    std::this_thread::sleep_for(50ms);
  }
  CHECK_FALSE(ended);
  const StopDeadline deadline([&asked] { return asked.load(); }, 10ms, end);
  {
    const SavingWork saving;
    CHECK(SavingWork::in_progress());
    std::this_thread::sleep_for(300ms);
    CHECK_FALSE(ended);
  }
  CHECK_FALSE(SavingWork::in_progress());
  for (int i = 0; i < 100 && !ended; ++i) std::this_thread::sleep_for(50ms);
  CHECK(ended);
}
