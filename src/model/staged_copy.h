// Copies mapped weights to a device through two pinned buffers: while the device reads one, all threads fill
// the other from the page cache. A plain copy of pageable memory alternates between the two steps on one
// thread.
#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <optional>

#include "model/device_event.h"

namespace armorm::model {

class StagedCopy {
 public:
  static constexpr std::int64_t kBufferBytes = std::int64_t{64} << 20;

  // On the CPU the buffers are ordinary memory.
  explicit StagedCopy(at::Device device, std::int64_t buffer_bytes = kBufferBytes);

  // `to` is on the device, `from` on the host; both contiguous, of the same type and size. `from` may be
  // unmapped after the call.
  void copy(const at::Tensor& to, const at::Tensor& from);

 private:
  struct Buffer {
    at::Tensor bytes;
    std::optional<DeviceEvent> taken;  // recorded after the device has read the buffer
  };
  void send(const at::Tensor& to, const std::byte* from, std::int64_t count);

  at::Device device_;
  std::int64_t buffer_bytes_;
  std::array<Buffer, 2> buffers_;
  std::size_t next_ = 0;
};

}  // namespace armorm::model
