// Which devices a run can use.
#pragma once

#include <cstdint>

namespace armorm::model {

// usage error that names `device` unless `index` is -1 (the CPU) or a CUDA device of this machine. A program
// calls it before it does anything else.
void check_device(std::int64_t index);

}  // namespace armorm::model
