// The facts of this build that --version shows.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "armorm/version.h"

namespace armorm {

// Names and values, in the order in which a program shows them.
using BuildFacts = std::vector<std::pair<std::string, std::string>>;

// Compiler and its options, the sanitizers that are on, and the highest x86-64 level of this processor.
BuildFacts compiler_facts();

}  // namespace armorm
