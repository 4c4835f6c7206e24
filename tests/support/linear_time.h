// Checks that the work on an input grows in proportion to its size.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstddef>
#include <ctime>
#include <functional>
#include <limits>

namespace armorm::test {

// Processor seconds of this thread that `work` takes; other processes on the machine do not count.
inline double thread_seconds(const std::function<void()>& work) {
  const auto now = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double start = now();
  work();
  return now() - start;
}

// `make(n)` prepares an input of n entries and returns the work on it. Four times the entries must take well
// below 16 times the time, the ratio of quadratic work; the less disturbed of two runs counts.
inline void check_linear_time(std::size_t entries,
                              const std::function<std::function<void()>(std::size_t)>& make) {
  const auto seconds = [&](std::size_t n) {
    const std::function<void()> work = make(n);
    double best = std::numeric_limits<double>::max();
    for (int run = 0; run < 2; ++run) best = std::min(best, thread_seconds(work));
    return best;
  };
  const double small = seconds(entries / 4);
  const double large = seconds(entries);
  INFO(entries << " entries take " << large << " s, a quarter of them " << small << " s");
  CHECK(large < 9 * small);
}

}  // namespace armorm::test
