// The lock of one file of the Hub cache, as Python's filelock takes it.
#pragma once

#include <filesystem>

#include "hub/http.h"
#include "io/system_call.h"

namespace armorm::data {

// Holds <cache>/.locks/<repo>/<etag>.lock by flock(2) for its scope; waits for as long as another process or
// thread holds it. The file stays, since removing it would split those who wait. On a file system without
// flock it warns and goes on: the files themselves are put in place atomically.
class HubLock {
 public:
  // Creates the folders; io error. Interrupted error when `options` ask to stop the wait.
  HubLock(const std::filesystem::path& file, const HttpOptions& options);

 private:
  io::Descriptor descriptor_;
};

}  // namespace armorm::data
