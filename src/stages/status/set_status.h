// Progress of complete data sets: the status of all their shards together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "stages/status/shard_status.h"

namespace armorm::stages::status {

struct SetStatus {
  std::string model;
  std::string stem;  // "<dataset>", or "<dataset>[-<source>]-<split>"
  std::vector<ShardStatus> shards;

  std::int64_t count(ShardState state) const;
  std::int64_t rows_done() const;
  // Nothing if no shard has a count; with `estimated`, shards without a count are assumed to be as large as
  // the others.
  struct Rows {
    std::int64_t rows = 0;
    bool estimated = false;
  };
  std::optional<Rows> rows() const;
  double rows_per_second() const;  // of all running shards; kUnknown if none has a rate
  // Until all shards are done, with as many running at a time as now.
  double seconds_left() const;
};

// Sets with one stem in <data_root>/embeddings/<model>, one per number of shards found there; one set of
// `n_shards` missing shards if there is none. With `single_has_no_number` the file of a single shard has no
// number in its name.
std::vector<SetStatus> status_of_set(const std::string& data_root, const std::string& model,
                                     const std::string& stem, std::int64_t n_shards,
                                     bool single_has_no_number);

// All sets in <data_root>/embeddings, by model and stem. io error when the folder does not exist.
std::vector<SetStatus> status_of_all_sets(const std::string& data_root);

}  // namespace armorm::stages::status
