#include "data/arrow_version.h"

#include <arrow/config.h>

namespace armorm::data {

std::string arrow_version() { return arrow::GetBuildInfo().version_string; }

}  // namespace armorm::data
