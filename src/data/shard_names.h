// File names of numbered shards: <name>-00002-of-00005<rest>, numbered from 0.
#pragma once

#include <string>
#include <vector>

namespace armorm::data {

// Names of the shards that `files` lacks, derived from the names of those present.
std::vector<std::string> missing_shards(const std::vector<std::string>& files);

}  // namespace armorm::data
