// What the options of both prepare stages mean beyond their fields.
#pragma once

#include <cstdint>
#include <string>

#include "armorm/extraction_options.h"

namespace armorm::stages::options {

// The most bad rows of `rows` that --max_bad_rows allows: a count ("100"), or a fraction of the rows ("0.01",
// "1%"). Usage error for anything else.
std::int64_t bad_row_limit(const std::string& max_bad_rows, std::int64_t rows);

}  // namespace armorm::stages::options
