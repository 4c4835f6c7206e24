// The names of the reward's attributes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace armorm {

// The attributes of the published model, in the order of the weights' rows.
const std::vector<std::string>& default_attributes();

// Names of K attributes where nothing names them: the published ones if there are as many, else attribute-0,
// ...
std::vector<std::string> attribute_names_or_default(std::vector<std::string> known, std::int64_t k);

}  // namespace armorm
