// The Arrow library that is loaded, which need not be the one whose headers were compiled.
#pragma once

#include <string>

namespace armorm::data {

std::string arrow_version();

}  // namespace armorm::data
