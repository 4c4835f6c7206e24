// Files that are one of several, by their names: <name>-00002-of-00005<rest>, numbered from 0.
#pragma once

#include <string>
#include <vector>

namespace armorm::data {

// The names that sets of shards in `files` lack, as those that are there suggest them.
std::vector<std::string> missing_shards(const std::vector<std::string>& files);

}  // namespace armorm::data
