// A parallel loop with bounded concurrency.
#pragma once

#include <cstdint>
#include <functional>

namespace armorm {

// OMP_NUM_THREADS if it is set, else the number of threads this process may use: its CPU affinity (as set by
// batch schedulers), at least 1.
int default_thread_count();
// `wanted` if above 0, else default_thread_count().
int thread_count(std::int64_t wanted);

// Calls body(i) for every i in [0, n) from up to `threads` threads and returns when all are done. The first
// exception is rethrown here, and iterations that have not begun are then skipped.
void parallel_for(std::int64_t n, int threads, const std::function<void(std::int64_t)>& body);

}  // namespace armorm
