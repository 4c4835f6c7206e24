#include "report/json_values.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "stats/interval.h"

namespace armorm::report {

nlohmann::json json_number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

double shortest(float value) {
  if (!std::isfinite(value)) return stats::kNotMeasured;
  char text[32];
  double decimal = 0.0;
  const char* const end = std::to_chars(text, text + sizeof text, value).ptr;
  std::from_chars(text, end, decimal);
  return decimal;
}

std::vector<double> shortest(std::span<const float> values) {
  std::vector<double> out;
  for (const float v : values) out.push_back(shortest(v));
  return out;
}

}  // namespace armorm::report
