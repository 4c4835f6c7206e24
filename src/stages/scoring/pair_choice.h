// The preference data of score --evaluate and --explain.
#pragma once

#include "armorm/score.h"
#include "stages/prepare/dataset_inputs.h"

namespace armorm::stages::scoring {

// `sets`: one of the options' own. usage error for a wrong recipe or choice of columns.
prepare::DatasetPlan plan_pairs(const DatasetPaths& sets, const ScoreOptions& options);

}  // namespace armorm::stages::scoring
