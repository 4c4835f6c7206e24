// The owner that a lock file names, and whether that process is alive; determined without touching the lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace armorm::stages::resume {

struct LockOwner {
  std::int64_t process = 0;
  std::string host;
  std::string since;  // UTC, ISO 8601 to the second

  std::string text()
      const;  // "process 7 on node3 since 2026-01-31T12:00:00Z": the beginning of a lock file's first line
};

LockOwner this_process();

// nullopt when the file does not exist or names no owner.
std::optional<LockOwner> read_lock_owner(const std::filesystem::path& lock_file);

// LockOwner::since in seconds since 1970; 0 when it is not a valid time.
double started_at(const LockOwner& owner);

// After this time without a sign of life, an owner whose process is not visible from here counts as dead.
constexpr std::chrono::minutes kSilence{10};

// Whether the owner still holds the file: by the kernel's list of locks, or by the file server, or because
// its last sign of life is less than kSilence ago (`silent_seconds`) and it is not known to be dead. Takes no
// lock, so that a process that starts meanwhile is not turned away.
bool is_held(const std::filesystem::path& lock_file, const LockOwner& owner, double silent_seconds);

}  // namespace armorm::stages::resume
