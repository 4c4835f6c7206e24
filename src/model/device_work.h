// Work of a device on streams: one for copies, and waiting for what the current one has been given.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Stream.h>

#include <functional>
#include <memory>
#include <optional>

#include "model/device_event.h"

namespace armorm::model {

// Until the device has done all that its current stream has been given. Nothing on the CPU.
void wait_for(c10::Device device);

// A stream beside the one that computes.
class CopyStream {
 public:
  explicit CopyStream(c10::Device device);

  // Calls work() with the stream current on the calling thread, and waits until the device has done it: other
  // streams may use the results, and memory that it allocates is reused by this stream alone. On the CPU it
  // only calls work().
  void run(const std::function<void()>& work) const;

 private:
  c10::Device device_;
  std::optional<c10::Stream> stream_;
};

// Keeps the host at most two steps ahead of the device, so that a run that is stopped ends soon.
class DevicePace {
 public:
  explicit DevicePace(c10::Device device) : device_(device) {}
  void step();  // after the work of one step has been enqueued

 private:
  c10::Device device_;
  std::unique_ptr<DeviceEvent> last_;
};

}  // namespace armorm::model
