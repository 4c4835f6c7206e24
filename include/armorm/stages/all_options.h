// The option declarations of all programs taken together.
#pragma once

#include "armorm/stages/common_options.h"
#include "armorm/stages/score.h"
#include "armorm/stages/stage1_prepare.h"
#include "armorm/stages/stage1_train.h"
#include "armorm/stages/stage2_prepare.h"
#include "armorm/stages/stage2_train.h"
