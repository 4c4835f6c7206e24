// The version and build of the program.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace armorm {

// The version in the project() call of CMakeLists.txt, the only place that states it.
extern const char* const kVersion;

// Version, compiler and build type: everything about the build that may change a result. A run is resumed
// only by a program with the same text, so it must not contain what leaves results unchanged, such as the
// commit.
std::string version_text();

// Names and values, in the order of --version.
using BuildFacts = std::vector<std::pair<std::string, std::string>>;

// Compiler and its options, the sanitizers that are on, and the highest x86-64 level of this processor.
BuildFacts compiler_facts();

}  // namespace armorm
