// score --evaluate: a finished model on preference data.
#pragma once

#include "armorm/score.h"
#include "stages/options/stage_environment.h"

namespace armorm::stages::evaluation {

// Reads and checks all rows, loads the weights, scores, prints the tables and publishes rows and report.
void run_evaluation(const ScoreOptions& options, const options::StageEnvironment& environment);

}  // namespace armorm::stages::evaluation
