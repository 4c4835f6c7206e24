// The lock of one file of the Hub cache, compatible with Python's filelock.
#pragma once

#include <filesystem>

#include "hub/http.h"
#include "io/system_call.h"

namespace armorm::hub {

// Holds <cache>/.locks/<repo>/<etag>.lock by flock(2) for its scope; waits while another process or thread
// holds it. The lock file stays: removing it would separate the waiting processes. On a file system without
// flock it warns and continues; the files themselves are published atomically.
class HubLock {
 public:
  // Creates the folders; io error. Interrupted error when a stop is requested through `options` during the
  // wait.
  HubLock(const std::filesystem::path& file, const HttpOptions& options);

 private:
  io::Descriptor descriptor_;
};

}  // namespace armorm::hub
