// Number of threads of this process's tensor operations.
#pragma once

namespace armorm::model {

// `threads` >= 1. Call between operations, not during one.
void set_compute_threads(int threads);

}  // namespace armorm::model
