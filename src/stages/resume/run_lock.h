// At most one process works on one output.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "io/writable_file.h"

namespace armorm::stages::resume {

// Holds flock(2) on `file` for its scope and writes its process, host and start time into it. The kernel
// releases the lock with the process, so a dead owner's file is simply taken over, whatever its times, and
// another user's is removed where the folder allows it; a normal end removes it. A locked error names a
// living owner.
//
// If the file system does not support locks, the owner rewrites the file at every heartbeat:
// 1. A newcomer writes a claim and waits for two heartbeats. A living owner has overwritten the claim by
//    then; of several claims the last one remains.
// 2. The newcomer writes itself as the owner and waits for one more heartbeat. An owner that was suspended
//    during all of this either finds the new owner at its next heartbeat and has lost the lock, or has seen
//    only the claim and overwrites everything, and the newcomer gives way.
// No clock is compared with another.
class RunLock {
 public:
  static constexpr std::chrono::milliseconds kHeartbeat{5000};

  RunLock(const std::filesystem::path& file, io::FileSystem& files,
          std::chrono::milliseconds heartbeat = kHeartbeat);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  // Call before a write that no other owner may make; locked error when another process took over because
  // this one was suspended for too long, io error when the file is no longer in its place, as the folder was
  // removed, moved or replaced. Looks only now and then. Thread-safe.
  void check() const;
  void check_now() const;  // always looks; call before publishing

 private:
  bool lock();  // false when the file system does not support locks
  void claim();
  void write(const std::string& text);
  void beat();
  void beat_once();
  void check_place() const;
  void look() const;  // checks whether the file names another owner

  io::FileSystem& files_;
  io::WritableFile file_;
  std::chrono::milliseconds heartbeat_;
  std::string claim_, owner_;  // texts that this process writes
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  bool has_heart_ = false;  // the file system has no locks
  mutable std::atomic<bool> lost_ = false;
  mutable std::atomic<std::chrono::steady_clock::time_point> last_look_{};
  std::thread heart_;
};

}  // namespace armorm::stages::resume
