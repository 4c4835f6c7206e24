// stage1-prepare in an environment of the caller's.
#pragma once

#include "armorm/stage1_prepare.h"
#include "stages/options/stage_environment.h"

namespace armorm::stages {

std::filesystem::path run_stage1_prepare(const Stage1PrepareOptions& given,
                                         const options::StageEnvironment& environment);

}  // namespace armorm::stages
