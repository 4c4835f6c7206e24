// score --explain: pairs of answers -> a line of numbers for each, and a page that shows why.
#pragma once

#include "armorm/score.h"
#include "stages/options/stage_environment.h"

namespace armorm::stages {

void explain_pairs(const ScoreOptions& options, const options::StageEnvironment& environment);

}  // namespace armorm::stages
