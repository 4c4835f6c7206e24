// A man page and a bash completion from the same option declarations that the command line uses.
#pragma once

#include <string>

#include "armorm/core/options.h"

namespace armorm::cli {

std::string man_page(const std::string& program, const std::string& purpose, const OptionList& options);
std::string bash_completion(const std::string& program, const OptionList& options);

}  // namespace armorm::cli
