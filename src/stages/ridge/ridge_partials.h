// The sums of ridge regression, shard by shard: in this process, or by the tasks of an array job through
// files.
//
// A file holds the sums of one shard and their origin. Sums are always added in shard order, so the result is
// bit-identical for any number of processes.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "linear/ridge_moments.h"
#include "stages/ridge/labelled_set.h"

namespace armorm::stages::ridge {

linear::AccumulatorOptions accumulator_options(const Stage1TrainOptions& options, const LabelledSet& set);

// Sums of all shards of the set, one after another.
linear::RidgeMoments accumulate(const Stage1TrainOptions& options, const LabelledSet& set,
                                std::span<const linear::RowGroup> groups);

// Writes <--partial>/<model>_<dataset>-<k>-of-<n>.safetensors for each of --shards and returns the paths.
// usage error for a shard that the set does not have.
std::vector<std::filesystem::path> save_partials(const Stage1TrainOptions& options, const LabelledSet& set,
                                                 std::span<const linear::RowGroup> groups,
                                                 io::FileSystem& files);

// Adds the sums in the files of --merge (or in the .safetensors files of its folders). They must cover every
// shard of this set once, and have the same model, data, labels, split and weights. data error that names the
// file and the difference or what was changed in it, io error that lists the missing shards.
linear::RidgeMoments merge_partials(const Stage1TrainOptions& options, const LabelledSet& set);

}  // namespace armorm::stages::ridge
