// JSON has no NaN: what was not measured is null.
#pragma once

#include <cmath>
#include <nlohmann/json.hpp>

namespace armorm {

inline nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace armorm
