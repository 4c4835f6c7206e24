// stage2-prepare in an environment of the caller's.
#pragma once

#include "armorm/stage2_prepare.h"
#include "stages/options/stage_environment.h"

namespace armorm::stages {

std::filesystem::path run_stage2_prepare(const Stage2PrepareOptions& given,
                                         const options::StageEnvironment& environment);

}  // namespace armorm::stages
