// stage2-train: verbosity debiasing, the gating network, and the RewardBench evaluation.
#pragma once

#include "stages/options/stage2_train_options.h"
#include "stages/options/stage_environment.h"

namespace armorm {

// Reads <root>/regression_weights/<model>_<dataset> and the embeddings of the preference, reference and
// RewardBench sets. Writes <output_dir>/gating_network_<model>.pt, its self-sufficient .safetensors twin, and
// the report as .json and as .html page; prints the tables. A training that was interrupted, or asked to stop
// (an interrupted error then), resumes from <...>.checkpoint with the same bits. With export_dir it also
// writes a folder in the released model's layout, which appears when it is complete.
void run_stage2_train(const Stage2TrainOptions& options, const StageEnvironment& environment = {});

}  // namespace armorm
