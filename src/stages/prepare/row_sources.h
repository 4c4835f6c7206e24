// Where each row of a shard comes from, for results by source.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "data/mixture.h"

namespace armorm::stages::prepare {

struct RowSources {
  std::vector<std::string> names;
  std::vector<std::int64_t> ids;  // of each row: index into names
};

// All sets of the mixture, and the set of each row.
RowSources sets_of(const data::Mixture& mixture, std::span<const std::int64_t> row_ids);

// Of a set that is no mixture, the texts of its column `source`, in the order of the rows; empty where it has
// no such column, or another type is in it. Rows whose source cannot be read have "". Memory: 4 bytes for
// each row of the split while it is read.
RowSources column_sources(const data::Mixture& mixture, std::span<const std::int64_t> row_ids);

}  // namespace armorm::stages::prepare
