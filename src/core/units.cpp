#include "core/units.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <utility>

#include "core/error.h"

namespace armorm {
namespace {

constexpr int kBarWidth = 24;

std::optional<double> bytes_of_unit(std::string_view unit) {
  std::string lower;
  for (const char c : unit) lower += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  constexpr std::array<std::pair<std::string_view, double>, 10> kUnits{{{"", 1.0},
                                                                        {"b", 1.0},
                                                                        {"kb", 1e3},
                                                                        {"mb", 1e6},
                                                                        {"gb", 1e9},
                                                                        {"tb", 1e12},
                                                                        {"kib", 0x1p10},
                                                                        {"mib", 0x1p20},
                                                                        {"gib", 0x1p30},
                                                                        {"tib", 0x1p40}}};
  for (const auto& [name, bytes] : kUnits)
    if (lower == name) return bytes;
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  double value = 0.0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  const std::optional<double> factor = bytes_of_unit(unit);
  const double bytes = factor ? value * *factor : 0.0;
  if (!(bytes >= 1.0 && bytes <= 0x1p63)) return std::nullopt;
  return static_cast<std::uint64_t>(bytes);
}

std::optional<std::uint64_t> memory_limit(std::string_view option, std::string_view text) {
  if (text == "all") return std::nullopt;
  if (text == "auto") return 0;
  if (const auto bytes = parse_bytes(text)) return bytes;
  fail_usage("{}: '{}' is neither all, auto nor a number of bytes; use for example 20GB or 16GiB", option,
             text);
}

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
