// JSON has no NaN: values that were not measured are null.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <span>
#include <vector>

namespace armorm::report {

nlohmann::json json_number(double value);

// The shortest decimal that reads back as the same float32; not measured (NaN) where it is not finite.
double shortest(float value);
std::vector<double> shortest(std::span<const float> values);

}  // namespace armorm::report
