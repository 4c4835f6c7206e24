// The names of the reward attributes.
#pragma once

#include <string>
#include <vector>

#include "armorm/export.h"

namespace armorm {

// The attributes of the published model, in the order of the weights' rows.
ARMORM_API const std::vector<std::string>& default_attributes();

}  // namespace armorm
