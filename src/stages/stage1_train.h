// stage1-train in an environment of the caller's.
#pragma once

#include "armorm/stage1_train.h"
#include "stages/options/stage_environment.h"

namespace armorm::stages {

void run_stage1_train(const Stage1TrainOptions& options, const options::StageEnvironment& environment);

}  // namespace armorm::stages
