#include "core/units.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace armorm {
namespace {

constexpr int kBarWidth = 24;

}  // namespace

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} bytes", bytes);
  const char* const units[] = {"kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes) / 1000.0;
  std::size_t unit = 0;
  for (; value >= 1000.0 && unit + 1 < std::size(units); ++unit) value /= 1000.0;
  return fmt::format("{:.1f} {}", value, units[unit]);
}

std::string duration_text(double seconds) {
  if (!(seconds < 1e9)) return "unknown";
  const auto s = std::llround(std::max(seconds, 0.0));
  if (s < 60) return fmt::format("{} s", s);
  return s < 3600 ? fmt::format("{} min {:02} s", s / 60, s % 60)
                  : fmt::format("{} h {:02} min", s / 3600, s / 60 % 60);
}

std::string bar_text(double fraction) {
  const double part = std::isnan(fraction) ? 0.0 : std::clamp(fraction, 0.0, 1.0);
  return fmt::format("[{:<{}}]", std::string(static_cast<std::size_t>(part * kBarWidth), '#'), kBarWidth);
}

}  // namespace armorm
