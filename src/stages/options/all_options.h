// The option declarations of all programs taken together.
#pragma once

#include <string>
#include <vector>

#include "stages/options/score_options.h"
#include "stages/options/stage1_prepare_options.h"
#include "stages/options/stage1_train_options.h"
#include "stages/options/stage2_prepare_options.h"
#include "stages/options/stage2_train_options.h"

namespace armorm {

// Names of the options of all programs, so that a config's "common" section may serve them all.
std::vector<std::string> all_option_names();

}  // namespace armorm
