#include <charconv>
#include <cmath>
#include <string>

#include "core/error.h"
#include "linear/ridge.h"

namespace armorm::linear {
namespace {

template <class T>
T parse_number(std::string_view text, std::string_view list) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    fail_usage(
        "`alphas`: \"{}\" in \"{}\" is not a number; give a list like 0.1,1,10 or a grid like 1e-4:1e4:9",
        text, list);
  }
  return value;
}

double parse_alpha(std::string_view alpha, std::string_view option) {
  const auto value = parse_number<double>(alpha, option);
  if (!std::isfinite(value) || value <= 0.0) {
    fail_usage("`alphas`: {} in \"{}\" is not a finite number above 0", alpha, option);
  }
  return value;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0;;) {
    const std::size_t end = text.find(separator, begin);
    parts.push_back(text.substr(begin, end - begin));
    if (end == std::string_view::npos) return parts;
    begin = end + 1;
  }
}

std::vector<double> logarithmic_grid(double low, double high, int n) {
  std::vector<double> values;
  const double first = std::log10(low);
  const double step = n > 1 ? (std::log10(high) - first) / (n - 1) : 0.0;
  for (int i = 0; i < n; ++i) values.push_back(std::pow(10.0, first + step * i));
  values.front() = low;
  if (n > 1) values.back() = high;
  return values;
}

}  // namespace

std::vector<double> default_alphas() { return {1e-4, 1e-3, 1e-2, 1e-1, 1e0, 1e1, 1e2, 1e3, 1e4}; }

std::vector<double> parse_alphas(std::string_view text) {
  const auto grid = split(text, ':');
  if (grid.size() == 1) {
    std::vector<double> values;
    for (const std::string_view alpha : split(text, ',')) values.push_back(parse_alpha(alpha, text));
    return values;
  }
  if (grid.size() != 3) fail_usage("`alphas`: \"{}\" has {} parts, expected lo:hi:n", text, grid.size());
  const double low = parse_alpha(grid[0], text);
  const double high = parse_alpha(grid[1], text);
  const auto n = parse_number<int>(grid[2], text);
  if (low > high) fail_usage("`alphas`: \"{}\" starts above its end; write lo:hi:n with lo <= hi", text);
  if (n < 1 || n > 1000) fail_usage("`alphas`: \"{}\" asks for {} values, expected 1 to 1000", text, n);
  return logarithmic_grid(low, high, n);
}

void RidgeOptions::validate() const {
  if (alphas.empty()) fail_usage("ridge: no alphas; give at least one");
  for (const double alpha : alphas) {
    if (!std::isfinite(alpha) || alpha <= 0.0)
      fail_usage("ridge: alpha {} is not a finite number above 0", alpha);
  }
  if (!std::isfinite(fallback_alpha) || fallback_alpha <= 0.0) {
    fail_usage("ridge: fallback_alpha {} is not a finite number above 0", fallback_alpha);
  }
}

}  // namespace armorm::linear
