#include "model/device_work.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <utility>

#include "model/current_device.h"

namespace armorm::model {

void wait_for(c10::Device device) {
  if (device.is_cpu()) return;
  DeviceEvent reached(device);
  reached.record();
  reached.synchronize();
}

CopyStream::CopyStream(c10::Device device) : device_(device) {
  if (device.is_cpu()) return;
  const CurrentDevice current(device);
  stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

void CopyStream::run(const std::function<void()>& work) const {
  if (!stream_) return work();
  const CurrentDevice current(device_);
  const c10::StreamGuard guard(*stream_);
  work();
  wait_for(device_);
}

void DevicePace::step() {
  if (device_.is_cpu()) return;
  auto now = std::make_unique<DeviceEvent>(device_);
  now->record();
  if (last_) last_->synchronize();
  last_ = std::move(now);
}

}  // namespace armorm::model
