#include "model/device_event.h"

#include <c10/core/impl/VirtualGuardImpl.h>

#include "model/current_device.h"

namespace armorm::model {

DeviceEvent::DeviceEvent(c10::Device device, c10::EventFlag flag)
    : device_(device), event_(std::make_unique<c10::Event>(device.type(), flag)) {}

DeviceEvent::~DeviceEvent() {
  release_on(device_, [this] { event_.reset(); });
}

void DeviceEvent::record() {
  const CurrentDevice current(device_);
  event_->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
}

void DeviceEvent::synchronize() const {
  const CurrentDevice current(device_);
  event_->synchronize();
}

double DeviceEvent::seconds_until(const DeviceEvent& later) const {
  const CurrentDevice current(device_);
  return event_->elapsedTime(*later.event_) / 1000.0;
}

}  // namespace armorm::model
