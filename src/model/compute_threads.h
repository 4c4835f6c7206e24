// Number of threads of this process's tensor operations.
#pragma once

namespace armorm::model {

// `threads` >= 1. Call between operations, not during one.
void set_compute_threads(int threads);

// Operations that the calling thread begins from now on run in it alone; those of other threads are as
// before.
void compute_on_this_thread_alone();

}  // namespace armorm::model
