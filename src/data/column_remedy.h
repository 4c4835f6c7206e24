// What to do about a column that a data set lacks.
#pragma once

#include <string>

#include "data/row_file.h"

namespace armorm::data {

// The end of a message.
std::string column_remedy(Want want);

}  // namespace armorm::data
