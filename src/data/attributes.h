// The names of the reward attributes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "armorm/attributes.h"

namespace armorm::data {

// Names of K attributes when the source has no names: the published ones if K matches, else attribute-0, ...
std::vector<std::string> attribute_names_or_default(std::vector<std::string> known, std::int64_t k);

}  // namespace armorm::data
