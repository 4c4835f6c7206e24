// Which build this is.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace armorm {

// The version of the project() call in CMakeLists.txt, which is the only place that states it.
extern const char* const kVersion;

// Version, compiler and build type: what may change a result. A run is resumed only by the program that began
// it, which this text decides; so it must not hold what leaves results as they are, such as the commit.
std::string version_text();

// Names and values, in the order in which a program shows them.
using BuildFacts = std::vector<std::pair<std::string, std::string>>;

// Compiler and its options, the sanitizers that are on, and the highest x86-64 level of this processor.
BuildFacts compiler_facts();

}  // namespace armorm
