// Who a lock file says is at work, and whether that process lives; found out without touching the lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace armorm {

struct LockOwner {
  std::int64_t process = 0;
  std::string host;
  std::string since;  // UTC, ISO 8601 to the second

  std::string text()
      const;  // "process 7 on node3 since 2026-01-31T12:00:00Z": how a lock file's first line begins
};

LockOwner this_process();

// Nothing when there is no such file, or it does not tell.
std::optional<LockOwner> read_lock_owner(const std::filesystem::path& lock_file);

// Seconds since 1970 of LockOwner::since; 0 when it is no such time.
double started_at(const LockOwner& owner);

// Without a sign of life for this long, an owner whose process cannot be seen from here counts as dead.
constexpr std::chrono::minutes kSilence{10};

// Whether the owner still holds the file: the kernel's list of locks says so, or the file server does, or the
// owner was heard of less than kSilence ago (`silent_seconds`) and is not known to be dead. Takes no lock, so
// that a process that starts meanwhile is not turned away.
bool is_held(const std::filesystem::path& lock_file, const LockOwner& owner, double silent_seconds);

}  // namespace armorm
