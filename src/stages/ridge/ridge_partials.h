// The sums of ridge regression, shard by shard: in this process, or by the tasks of an array job through
// files.
//
// A file holds the sums of one shard and what they were made of. Sums are added in shard order whoever made
// them, so the result has the same bits for any number of processes.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "linear/ridge_moments.h"
#include "stages/ridge/labelled_set.h"

namespace armorm {

// Of all shards of the set, one after another.
RidgeMoments accumulate(const Stage1TrainOptions& options, const LabelledSet& set,
                        std::span<const RowGroup> groups);

// Writes <--partial>/<model>_<dataset>-<k>-of-<n>.safetensors for each of --shards and returns the paths.
// usage error for a shard that the set does not have.
std::vector<std::filesystem::path> save_partials(const Stage1TrainOptions& options, const LabelledSet& set,
                                                 std::span<const RowGroup> groups, FileSystem& files);

// The sums in the files --merge (or in the .safetensors files of its folders), which must be those of every
// shard of this set, once, made with the same model, data, labels, split and weights; data error that names
// the file and what differs, io error that names the shards that are missing.
RidgeMoments merge_partials(const Stage1TrainOptions& options, const LabelledSet& set);

}  // namespace armorm
