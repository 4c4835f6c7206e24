// The GPU that is current on a thread.
#pragma once

#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>

#include <optional>

namespace armorm::model {

// Makes a GPU the calling thread's current one until the end of the scope; does nothing for the CPU. Every
// thread begins with the first GPU. Calls on events and pinned memory act on the current one, or leave it and
// set it again, which creates a context there: 0.5 GB of a GPU that the process does not use.
class CurrentDevice {
 public:
  explicit CurrentDevice(c10::Device device)
      : guard_(device.is_cpu() ? std::nullopt : std::optional(device)) {}

 private:
  c10::OptionalDeviceGuard guard_;
};

// For destructors: `release`, which does not throw, runs with the device current, or if that has failed with
// the one that is.
template <class Release>
void release_on(c10::Device device, const Release& release) noexcept {
  try {
    const CurrentDevice current(device);
    release();
  } catch (const c10::Error&) {
    release();
  }
}

}  // namespace armorm::model
