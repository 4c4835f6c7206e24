// Abbreviations of names for narrow tables.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace armorm::report {

// Each name in at most `most` columns (at least 8): names that fit stay, of the others the longest words are
// shortened ("ultrafeedback-honesty" -> "ultrafee.-honesty"). Different names stay different, and none
// becomes another's full name. Names are UTF-8 without control characters.
std::vector<std::string> short_names(const std::vector<std::string>& names, std::size_t most);

}  // namespace armorm::report
