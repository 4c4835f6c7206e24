// score in an environment of the caller's.
#pragma once

#include "armorm/score.h"
#include "stages/options/stage_environment.h"

namespace armorm::stages {

void run_score(const ScoreOptions& options, const options::StageEnvironment& environment);

}  // namespace armorm::stages
