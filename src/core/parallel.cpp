#include "core/parallel.h"

#include <sched.h>

#include <algorithm>

#include "core/worker_pool.h"

namespace armorm {

int default_thread_count() {
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
