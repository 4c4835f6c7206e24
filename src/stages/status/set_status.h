// How far whole data sets are: the status of all their shards together.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "stages/status/shard_status.h"

namespace armorm {

struct SetStatus {
  std::string model;
  std::string stem;  // "<dataset>", or "<dataset>[-<source>]-<split>"
  std::vector<ShardStatus> shards;

  std::int64_t count(ShardState state) const;
  std::int64_t rows_done() const;
  // Nothing while no shard tells; with `estimated`, shards that do not tell are taken to be as large as the
  // others.
  struct Rows {
    std::int64_t rows = 0;
    bool estimated = false;
  };
  std::optional<Rows> rows() const;
  double rows_per_second() const;  // of all running shards; kUnknown when none tells
  // Until all shards are done, with as many at work at a time as now.
  double seconds_left() const;
};

// Of one stem in <data_root>/embeddings/<model>, a set for every number of shards that is found there; one of
// `n_shards` missing shards when there is nothing. A single shard has no number in its name where
// `single_has_no_number`.
std::vector<SetStatus> status_of_set(const std::string& data_root, const std::string& model,
                                     const std::string& stem, std::int64_t n_shards,
                                     bool single_has_no_number);

// Of everything in <data_root>/embeddings, by model and stem. io error when there is no such folder.
std::vector<SetStatus> status_of_all_sets(const std::string& data_root);

}  // namespace armorm
