// Copies from the host to a device without blocking the host.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace armorm::model {

// `host` itself on the CPU; otherwise enqueued from pinned memory, which is kept until the copy is done.
at::Tensor upload(const at::Tensor& host, at::Device device);
at::Tensor upload(const std::vector<std::int64_t>& values, at::Device device);  // int64 [values]

}  // namespace armorm::model
