// JSON has no NaN: values that were not measured are null.
#pragma once

#include <nlohmann/json_fwd.hpp>

namespace armorm::report {

nlohmann::json json_number(double value);

}  // namespace armorm::report
