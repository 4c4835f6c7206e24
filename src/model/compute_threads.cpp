#include "model/compute_threads.h"

#include <ATen/Parallel.h>

namespace armorm::model {

void set_compute_threads(int threads) { at::set_num_threads(threads); }

}  // namespace armorm::model
