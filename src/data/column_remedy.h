// What to do about a column that a data set lacks.
#pragma once

#include <string>
#include <vector>

#include "data/row_file.h"

namespace armorm::data {

// The end of a message: to rename, or, where renaming cannot fix rows of a public form, to convert them.
std::string column_remedy(Want want, const std::vector<std::string>& columns);

}  // namespace armorm::data
