// Progress of a shard, from the files next to it alone. Takes no lock and writes nothing: a run in progress
// is not disturbed, and files may appear, vanish or be half written meanwhile.
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

namespace armorm::stages::status {

enum class ShardState {
  done,         // published and complete
  running,      // a living process holds its lock
  interrupted,  // begun; no process works on it
  missing,      // not begun
  damaged,      // the file exists, but cannot be read
};
constexpr int kShardStates = 5;
constexpr std::array<std::string_view, kShardStates> words_of(ShardState) {
  return {"done", "running", "interrupted", "missing", "damaged"};
}

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

struct ShardStatus {
  std::filesystem::path target;
  ShardState state = ShardState::missing;
  std::string program;                 // program that makes it; empty = unknown
  std::optional<std::int64_t> rows;    // rows that it has or will have
  std::int64_t rows_done = 0;          // durable rows; each side of a pair counts half
  std::int64_t source_rows = 0;        // rows of the complete split; 0 = unknown
  std::optional<std::int64_t> tokens;  // tokens of all its sequences, while it is being made
  std::int64_t tokens_done = 0;
  double rows_per_second = kUnknown;  // of a running shard, over its last minutes
  double tokens_per_second = kUnknown;
  double seconds_left = kUnknown;          // from tokens: sequences differ in length
  double silent_seconds = kUnknown;        // since the last write, if it is not done
  std::optional<resume::LockOwner> owner;  // last owner of an interrupted shard, if recorded
  std::string problem;                     // why it is damaged
};

ShardStatus shard_status(const std::filesystem::path& target);

}  // namespace armorm::stages::status
