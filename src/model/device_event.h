// A point in a device's work.
#pragma once

#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <memory>

namespace armorm::model {

// Every call may come from any thread, and gives no other device a context (current_device.h).
class DeviceEvent {
 public:
  // `device` is not the CPU. BACKEND_DEFAULT: with a time, for seconds_until().
  explicit DeviceEvent(c10::Device device, c10::EventFlag flag = c10::EventFlag::PYTORCH_DEFAULT);
  DeviceEvent(const DeviceEvent&) = delete;
  DeviceEvent& operator=(const DeviceEvent&) = delete;
  ~DeviceEvent();

  void record();             // after all that the device's current stream has been given
  void synchronize() const;  // waits until the device has reached the recorded point
  // The device must have reached both points.
  double seconds_until(const DeviceEvent& later) const;

 private:
  c10::Device device_;
  std::unique_ptr<c10::Event> event_;
};

}  // namespace armorm::model
