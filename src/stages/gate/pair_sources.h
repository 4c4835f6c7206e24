// The sources of a set of pairs: sets of a mixture, or values of a data set's column `source`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "stages/artifacts/embedding_set.h"

namespace armorm::stages::gate {

// Both lists are empty for a set without sources.
struct PairSources {
  std::vector<std::string> names;
  std::vector<std::int32_t> index_of;  // [N] index of each pair's source in `names`
};

// Reads the tensor `source_ids` i64 [N] of every shard, whose values are positions in the JSON list of names
// in that shard's metadata `sources`. Shards may list their sources in different orders. data error that
// names the file if it gives no such list or an id is outside it, or if only some shards have the tensor.
PairSources read_sources(const artifacts::EmbeddingSet& set);

struct SourceGroup {
  std::string name;
  std::vector<std::size_t> members;  // positions in `rows`, ascending
};

// The sources of the pairs `rows`: most pairs first, then by name. Sources without any of these pairs are
// empty groups at the end.
std::vector<SourceGroup> group_by_source(const PairSources& sources, std::span<const std::int64_t> rows);

}  // namespace armorm::stages::gate
