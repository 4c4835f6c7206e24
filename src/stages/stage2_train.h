// stage2-train in an environment of the caller's.
#pragma once

#include "armorm/stage2_train.h"
#include "stages/options/stage_environment.h"

namespace armorm::stages {

void run_stage2_train(const Stage2TrainOptions& given, const options::StageEnvironment& environment);

}  // namespace armorm::stages
