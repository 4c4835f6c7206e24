#include "core/parallel.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>

#include "core/strings.h"
#include "core/worker_pool.h"

namespace armorm {
namespace {

// The first number of OMP_NUM_THREADS, which can be a list for nested regions; 0 without a usable one, as
// OpenMP ignores it then.
int threads_of_environment() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (text == nullptr) return 0;
  const std::string_view list(text);
  const std::string_view first = trimmed(list.substr(0, list.find(',')));
  int threads = 0;
  const auto [end, error] = std::from_chars(first.data(), first.data() + first.size(), threads);
  return error == std::errc() && end == first.data() + first.size() ? std::max(threads, 0) : 0;
}

}  // namespace

int default_thread_count() {
  if (const int threads = threads_of_environment(); threads > 0) return threads;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return std::max(1, CPU_COUNT(&set));
}

int thread_count(std::int64_t wanted) {
  return wanted > 0 ? static_cast<int>(wanted) : default_thread_count();
}

void parallel_for(std::int64_t n, int threads, const std::function<void(std::int64_t)>& body) {
  WorkerPool(static_cast<int>(std::clamp<std::int64_t>(n, 1, std::max(threads, 1)))).run(n, body);
}

}  // namespace armorm
