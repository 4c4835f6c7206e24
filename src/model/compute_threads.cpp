#include "model/compute_threads.h"

#include <ATen/Parallel.h>

namespace armorm::model {

void set_compute_threads(int threads) { at::set_num_threads(threads); }

void compute_on_this_thread_alone() {
  at::internal::lazy_init_num_threads();  // or a later first call sets the number
#ifdef _OPENMP
  omp_set_num_threads(1);  // of the calling thread; at::set_num_threads() also sets MKL's, of all threads
#endif
}

}  // namespace armorm::model
