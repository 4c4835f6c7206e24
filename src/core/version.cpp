#include "armorm/core/version.h"

#include <fmt/format.h>

namespace armorm {

std::string version_text() {
#ifdef NDEBUG
  const char* build = "release";
#else
  const char* build = "debug";
#endif
  return fmt::format("{} ({}, gcc {}.{})", kVersion, build, __GNUC__, __GNUC_MINOR__);
}

}  // namespace armorm
