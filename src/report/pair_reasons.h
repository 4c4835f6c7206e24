// What would flip a pair's preference, and the training prompts like its own; each "" if the pair lacks it.
#pragma once

#include <string>
#include <vector>

#include "report/gate_figures.h"

namespace armorm::report {

std::string flip_part(const ExamplePair& pair, const std::string& id,
                      const std::vector<std::string>& attributes);
std::string nearest_part(const ExamplePair& pair, const std::string& id,
                         const std::vector<std::string>& attributes);

}  // namespace armorm::report
