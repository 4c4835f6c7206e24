// Which of LibTorch's exceptions say that memory ran out.
#pragma once

#include <c10/util/Exception.h>

namespace armorm::model {

// On a device, c10::OutOfMemoryError; for the host's memory LibTorch throws a plain c10::Error.
bool is_out_of_memory(const c10::Error& error);

}  // namespace armorm::model
