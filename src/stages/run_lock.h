// At most one process at work on one output.
#pragma once

#include <filesystem>

#include "io/writable_file.h"

namespace armorm {

// Holds flock(2) on `file` for its scope and writes its process, host and start there. The kernel gives the lock up with
// the process, so a dead owner's file is simply taken over, whatever its times say; an orderly end removes it. A locked
// error names a living owner. Where the file system has no locks it warns and goes on.
class RunLock {
 public:
  RunLock(const std::filesystem::path& file, FileSystem& files);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  FileSystem& files_;
  io::WritableFile file_;
};

}  // namespace armorm
