// Version of the loaded Arrow library, which can differ from that of the headers.
#pragma once

#include <string>

namespace armorm::data {

std::string arrow_version();

}  // namespace armorm::data
