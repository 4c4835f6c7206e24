// A bounded parallel loop.
#pragma once

#include <cstdint>
#include <functional>

namespace armorm {

// Threads that fit this process: its CPU affinity (as batch schedulers set it), at least 1.
int default_thread_count();

// Calls body(i) for every i in [0, n) from up to `threads` threads, and returns when all are done. The first
// exception is rethrown here; iterations not yet begun are then left out.
void parallel_for(std::int64_t n, int threads, const std::function<void(std::int64_t)>& body);

}  // namespace armorm
