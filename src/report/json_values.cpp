#include "report/json_values.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace armorm::report {

nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

}  // namespace armorm::report
