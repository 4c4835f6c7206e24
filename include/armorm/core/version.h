// Which build this is.
#pragma once

#include <string>

namespace armorm {

inline constexpr const char* kVersion = "0.1.0";

// Version, compiler and build type, for --version and for artefacts' metadata.
std::string version_text();

}  // namespace armorm
