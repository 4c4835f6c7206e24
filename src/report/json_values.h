// JSON has no NaN: what was not measured is null.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace armorm {

nlohmann::json json_number(double value);

}  // namespace armorm
