// The index of sharded weights: model.safetensors.index.json or pytorch_model.bin.index.json.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

namespace armorm::io {

// "weight_map": name of each tensor -> name of its shard, a plain file name. data error that names the file
// for any other content, and for an empty map.
std::map<std::string, std::string> read_weight_index(const std::filesystem::path& path);

// The shards that the index names, in name order, each with its position. io error for a missing one, data
// error for one that leads out of `folder`.
std::map<std::string, std::size_t> shards_of_index(const std::filesystem::path& index,
                                                   const std::map<std::string, std::string>& shard_of);

}  // namespace armorm::io
