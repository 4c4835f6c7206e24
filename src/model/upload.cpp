#include "model/upload.h"

#include <ATen/ATen.h>

namespace armorm::model {

at::Tensor upload(const at::Tensor& host, at::Device device) {
  if (device.is_cpu() || host.numel() == 0) return host.to(device);
  return host.pin_memory().to(device, host.scalar_type(), /*non_blocking=*/true);
}

at::Tensor upload(const std::vector<std::int64_t>& values, at::Device device) {
  return upload(at::tensor(at::ArrayRef<std::int64_t>(values), at::kLong), device);
}

}  // namespace armorm::model
