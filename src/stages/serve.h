// serve in an environment of the caller's.
#pragma once

#include "armorm/serve.h"
#include "stages/options/stage_environment.h"

namespace armorm::stages {

void run_serve(const ServeOptions& given, const options::StageEnvironment& environment);

}  // namespace armorm::stages
