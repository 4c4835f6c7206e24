// How the products of fp8 are summed for a shard. All shards of a set sum alike.
#pragma once

#include <filesystem>

#include "armorm/extraction_options.h"

namespace armorm::stages::prepare {

// Sets options.fp8_accumulate to fast or exact; does nothing for other precisions. For auto it is that of
// 1. other shards of the set, published or begun, with the same --precision and --batch_invariant,
// 2. the interrupted run of `target`, or the file itself, if the device has it,
// 3. fast on a GPU with tensor cores for fp8, which a dry run takes for granted; else exact.
// usage error if other shards have another one than that given, or one that the device lacks; with --restart
// the given one is used, with a warning.
void choose_accumulate(const std::filesystem::path& target, ExtractionOptions& options);

// The same usage error, for shards that were begun since.
void check_same_accumulate(const std::filesystem::path& target, const ExtractionOptions& options);

}  // namespace armorm::stages::prepare
