// stage1-prepare: conversations of the multi-objective set -> last-token embeddings and labels.
#pragma once

#include <filesystem>

#include "stages/options/stage1_prepare_options.h"
#include "stages/options/stage_environment.h"

namespace armorm {

// Writes <root>/embeddings/<model>/<dataset>-<shard>-of-<n>.safetensors and returns its path: embeddings bf16
// [N, D], labels f32 [N, K] (NaN = missing), row_ids i64 [N], prompt_ids i64 [N] (equal for rows with the
// same messages before the last answer), and with a weight column sample_weights f32 [N]. Rows of an
// interrupted run of the same command are kept; a complete file is not made again. With extraction.status it
// only prints the progress of the shards, and returns an empty path.
std::filesystem::path run_stage1_prepare(const Stage1PrepareOptions& options,
                                         const StageEnvironment& environment = {});

}  // namespace armorm
