// Whether the tests tagged [gpu] can run.
#pragma once

#include <ATen/Context.h>

namespace armorm::test {

inline bool has_cuda() { return at::hasCUDA() && at::getNumGPUs() > 0; }

}  // namespace armorm::test
