// stage1-train: embeddings and labels -> one ridge regression per attribute.
#pragma once

#include <filesystem>

#include "stages/options/stage1_train_options.h"
#include "stages/options/stage_environment.h"

namespace armorm {

// Writes <output_dir>/<model>_<dataset>.pt ({"weight": f32 [K, D]}, and "bias" f32 [K] with fit_intercept),
// its .safetensors twin, and .json and .html reports; prints the table of attributes. With `partial` it
// writes the sums of shards instead and prints their files.
void run_stage1_train(const Stage1TrainOptions& options, const StageEnvironment& environment = {});

}  // namespace armorm
