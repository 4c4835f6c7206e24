// Threads of this process's tensor operations.
#pragma once

namespace armorm {

// At least 1. To be called between operations, not during one.
void set_compute_threads(int threads);

}  // namespace armorm
