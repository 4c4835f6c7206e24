// At most one process at work on one output.
#pragma once

#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "io/writable_file.h"

namespace armorm {

// Holds flock(2) on `file` for its scope and writes its process, host and start there. The kernel gives the lock up with
// the process, so a dead owner's file is simply taken over, whatever its times say; an orderly end removes it. A locked
// error names a living owner.
//
// Where the file system has no locks, owners write the file anew at every heartbeat. Who wants it writes a claim and waits
// for longer than a heartbeat: a living owner has overwritten the claim by then, and of several claims the last one stands.
// No clock is compared with another.
class RunLock {
 public:
  static constexpr std::chrono::milliseconds kHeartbeat{5000};

  RunLock(const std::filesystem::path& file, FileSystem& files, std::chrono::milliseconds heartbeat = kHeartbeat);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  bool lock();  // false when the file system has no locks
  void claim();
  void write_owner();
  void beat();

  FileSystem& files_;
  io::WritableFile file_;
  std::chrono::milliseconds heartbeat_;
  std::string owner_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread heart_;
};

}  // namespace armorm
