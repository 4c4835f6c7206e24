// How far a shard is, told from the files beside it alone. Nothing is locked or written: a run that is under
// way does not notice, and files may come, go or be half written meanwhile.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "core/words.h"
#include "stages/resume/lock_owner.h"

namespace armorm {

enum class ShardState {
  done,         // published, and whole
  running,      // a living process holds its lock
  interrupted,  // begun; nobody is at work on it
  missing,      // not begun
  damaged,      // a file has its name, but cannot be read
};
constexpr int kShardStates = 5;
constexpr std::array<std::string_view, kShardStates> words_of(ShardState) {
  return {"done", "running", "interrupted", "missing", "damaged"};
}

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct ShardStatus {
  std::filesystem::path target;
  ShardState state = ShardState::missing;
  std::string program;                 // that makes it; empty = unknown
  std::optional<std::int64_t> rows;    // that it has, or will have
  std::int64_t rows_done = 0;          // safe on disk; those of pairs count half for each side
  std::int64_t source_rows = 0;        // of the whole split; 0 = unknown
  std::optional<std::int64_t> tokens;  // of all its sequences, while it is being made
  std::int64_t tokens_done = 0;
  double rows_per_second = kUnknown;  // of a running one, over its last minutes
  double tokens_per_second = kUnknown;
  double seconds_left = kUnknown;    // by tokens: sequences are not of one length
  double silent_seconds = kUnknown;  // since something was last written, when it is not done
  std::optional<LockOwner> owner;    // the last one of an interrupted shard, if it left its name
  std::string problem;               // of a damaged one
};

ShardStatus shard_status(const std::filesystem::path& target);

}  // namespace armorm
