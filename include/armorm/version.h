// Which build this is.
#pragma once

#include <string>

#include "armorm/export.h"

namespace armorm {

// "0.1.0": the version of the library, which artefacts carry.
extern ARMORM_API const char* const kVersion;

// Version, compiler and build type: what may change a result. A run is resumed only by the program that began
// it, which this text decides; so it must not hold what leaves results as they are, such as the commit.
ARMORM_API std::string version_text();

}  // namespace armorm
