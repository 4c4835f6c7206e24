// At most one process at work on one output.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "io/writable_file.h"

namespace armorm {

// Holds flock(2) on `file` for its scope and writes its process, host and start there. The kernel gives the
// lock up with the process, so a dead owner's file is simply taken over, whatever its times say; an orderly
// end removes it. A locked error names a living owner.
//
// Where the file system has no locks, owners write the file anew at every heartbeat. Who wants it writes a
// claim and waits for two heartbeats: a living owner has overwritten the claim by then, and of several claims
// the last one stands. Then it writes itself as the owner and waits for one more: an owner that was suspended
// all the while either finds that at its next heartbeat and has lost the lock, or has seen only the claim and
// overwritten it all, and who claimed gives way. No clock is compared with another.
class RunLock {
 public:
  static constexpr std::chrono::milliseconds kHeartbeat{5000};

  RunLock(const std::filesystem::path& file, FileSystem& files,
          std::chrono::milliseconds heartbeat = kHeartbeat);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  // To be called before a write that no other owner may have made; a locked error when another process took
  // over because this one was suspended for too long. Reads the file now and then. Thread-safe.
  void check() const;
  void check_now() const;  // always reads it; before publishing

 private:
  bool lock();  // false when the file system has no locks
  void claim();
  void write(const std::string& text);
  void beat();
  void beat_once();
  void look() const;  // whether another owner stands in the file

  FileSystem& files_;
  io::WritableFile file_;
  std::chrono::milliseconds heartbeat_;
  std::string claim_, owner_;  // what this process writes
  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  mutable std::atomic<bool> lost_ = false;
  mutable std::atomic<std::chrono::steady_clock::time_point> last_look_{};
  std::thread heart_;
};

}  // namespace armorm
