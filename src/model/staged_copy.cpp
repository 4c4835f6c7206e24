#include "model/staged_copy.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cstring>

#include "core/error.h"

namespace armorm::model {

StagedCopy::StagedCopy(at::Device device, std::int64_t buffer_bytes)
    : device_(device), buffer_bytes_(buffer_bytes) {
  for (Buffer& buffer : buffers_)
    buffer.bytes =
        at::empty({buffer_bytes}, at::TensorOptions().dtype(at::kByte).pinned_memory(!device.is_cpu()));
}

void StagedCopy::copy(const at::Tensor& to, const at::Tensor& from) {
  if (to.nbytes() != from.nbytes() || !to.is_contiguous() || !from.is_contiguous())
    fail_internal("a staged copy of {} bytes into {} needs two contiguous tensors of one size", from.nbytes(),
                  to.nbytes());
  const at::Tensor target = to.flatten().view(at::kByte);
  const auto* source = static_cast<const std::byte*>(from.const_data_ptr());
  const auto total = static_cast<std::int64_t>(from.nbytes());
  for (std::int64_t at = 0; at < total; at += buffer_bytes_) {
    const std::int64_t count = std::min(buffer_bytes_, total - at);
    send(target.narrow(0, at, count), source + at, count);
  }
}

void StagedCopy::send(const at::Tensor& to, const std::byte* from, std::int64_t count) {
  Buffer& buffer = buffers_[next_];
  next_ = 1 - next_;
  if (buffer.taken) buffer.taken->synchronize();
  auto* bytes = buffer.bytes.mutable_data_ptr<std::uint8_t>();
  constexpr std::int64_t kGrain = 1 << 20;
  at::parallel_for(0, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(bytes + begin, from + begin, static_cast<std::size_t>(end - begin));
  });
  to.copy_(buffer.bytes.narrow(0, 0, count), /*non_blocking=*/true);
  if (device_.is_cpu()) return;
  buffer.taken.emplace(device_);
  buffer.taken->record();
}

}  // namespace armorm::model
