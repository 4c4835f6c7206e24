// The version and build of the library.
#pragma once

#include <string>

#include "armorm/export.h"

namespace armorm {

// "0.1.0": the version of the library, which artefacts carry.
extern ARMORM_API const char* const kVersion;

// Version, compiler and build type: everything about the build that may change a result. A run is resumed
// only by a program with the same text, so it must not contain what leaves results unchanged, such as the
// commit.
ARMORM_API std::string version_text();

}  // namespace armorm
