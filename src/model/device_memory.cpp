#include "model/device_memory.h"

#include <ATen/ATen.h>
#include <c10/core/CachingDeviceAllocator.h>

#include "model/current_device.h"

namespace armorm::model {

std::int64_t free_device_memory(c10::Device device) {
  const CurrentDevice current(device);
  at::empty({1},
            at::TensorOptions().dtype(at::kByte).device(device));  // the allocator begins with its first use
  auto* allocator = at::getDeviceAllocator(device.type());
  const auto stats = allocator->getDeviceStats(device.index());
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const std::int64_t reusable = stats.reserved_bytes[kAll].current - stats.allocated_bytes[kAll].current;
  return static_cast<std::int64_t>(allocator->getMemoryInfo(device.index()).first) + reusable;
}

std::optional<std::int64_t> free_device_memory(int index) {
  const auto gpus = at::hasCUDA() ? static_cast<int>(at::getNumGPUs()) : 0;
  if (index < 0 || index >= gpus) return std::nullopt;
  return free_device_memory(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index)));
}

}  // namespace armorm::model
