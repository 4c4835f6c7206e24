// What the shards of a set record of the arithmetic that made them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace armorm::stages::prepare {

struct ShardRecord {
  std::filesystem::path file;  // the shard, or the journal of one that was begun
  std::string precision;
  bool batch_invariant = false;
  std::string kernels;         // of a CPU; else empty
  std::string fp8_accumulate;  // of fp8; else empty
};
using ShardFilter = std::function<bool(const ShardRecord&)>;

// That of an interrupted or running process which makes `target`, if `says` takes it.
std::optional<ShardRecord> record_of_journal(const std::filesystem::path& target, const ShardFilter& says);

// That of the journal, or else of the published file, if `says` takes it. A file that cannot be read is
// warned of, with the consequence: whoever makes or reads it reports the damage as an error.
std::optional<ShardRecord> readable_record(const std::filesystem::path& target, const ShardFilter& says,
                                           const std::string& consequence);

// The same of the other shards of the set, published or begun: the first record that `says` takes.
std::optional<ShardRecord> record_of_siblings(const std::filesystem::path& target, std::int64_t n_shards,
                                              const ShardFilter& says, const std::string& consequence);

}  // namespace armorm::stages::prepare
