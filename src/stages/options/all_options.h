// The option declarations of all programs taken together.
#pragma once

#include "stages/options/common_options.h"
#include "stages/score.h"
#include "stages/stage1_prepare.h"
#include "stages/stage1_train.h"
#include "stages/stage2_prepare.h"
#include "stages/stage2_train.h"
