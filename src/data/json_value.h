// A JSON text as a value.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "data/json_reader.h"

namespace armorm::data {

// Reads the next value. Of equal keys the last one wins. NaN and Infinity, which JSON does not have, become
// bytes, so that each equals itself and none is a number.
nlohmann::json json_value(JsonReader& reader);

}  // namespace armorm::data
