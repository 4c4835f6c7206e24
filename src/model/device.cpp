#include "model/device.h"

#include <ATen/Context.h>

#include "core/error.h"

namespace armorm::model {

void check_device(std::int64_t index) {
  if (index == -1) return;
  const auto count = static_cast<std::int64_t>(at::hasCUDA() ? at::getNumGPUs() : 0);
  if (index < -1 || index >= count)
    fail_usage("`device`: found {}, expected -1 for the CPU or the index of one of the {} CUDA devices here",
               index, count);
}

}  // namespace armorm::model
