// Which LibTorch exceptions mean that memory ran out.
#pragma once

#include <c10/util/Exception.h>

namespace armorm::model {

// c10::OutOfMemoryError for a device; for host memory LibTorch throws a plain c10::Error.
bool is_out_of_memory(const c10::Error& error);

}  // namespace armorm::model
