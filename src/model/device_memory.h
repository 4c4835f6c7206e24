// The memory of a GPU that a process may still use.
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>

namespace armorm::model {

// Free bytes, those that the allocator keeps for reuse included. Gives the device a context.
std::int64_t free_device_memory(c10::Device device);
// The same by CUDA index; nullopt if the device does not exist.
std::optional<std::int64_t> free_device_memory(int index);

}  // namespace armorm::model
