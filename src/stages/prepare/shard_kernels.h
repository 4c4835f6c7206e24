// The CPU kernels of a shard. All shards of a set have the same ones.
#pragma once

#include <filesystem>
#include <vector>

#include "armorm/extraction_options.h"
#include "io/file_system.h"
#include "model/cpu_kernels.h"
#include "model/model_config.h"

namespace armorm::stages::prepare {

// usage error when the kernels of the options are not those of this processor.
void check_kernels(const ExtractionOptions& options);

// Sets options.kernels, and uses them. For auto they are those of
// 1. other shards of the set, published or begun, with the same --precision and --batch_invariant,
// 2. the interrupted run of `target`, or the file itself,
// 3. the fastest by <data_root>/cpu_kernels.json, measured if it does not say (and kept there, but by a dry
//    run).
// usage error if other shards have kernels that are not those given, or not those of this processor; with
// --restart the given ones are used, with a warning. Nothing happens on a GPU. Returns the rates as far as
// they were needed.
std::vector<model::KernelRate> choose_kernels(const std::filesystem::path& target,
                                              const model::ModelConfig& config, io::FileSystem& files,
                                              ExtractionOptions& options);

// The same usage error, for shards that were begun since.
void check_same_kernels(const std::filesystem::path& target, const ExtractionOptions& options);

// FLOP/s of options.kernels in the model's layers; measured unless `rates` or the file have it.
double kernel_rate(const std::vector<model::KernelRate>& rates, const model::ModelConfig& config,
                   const ExtractionOptions& options);

}  // namespace armorm::stages::prepare
