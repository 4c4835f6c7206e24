// Logging to stderr. Results of a run go to stdout, never through the log.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>

namespace armorm::log {

enum class Level { debug, info, warn, error };

// Accepts "debug", "info", "warn", "error"; anything else is a usage error.
void set_level(std::string_view name);
void write(Level level, const std::string& message);
void write(Level level, fmt::string_view format, fmt::format_args args);

template <class... Args>
void debug(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::debug, format, fmt::make_format_args(args...));
}
template <class... Args>
void info(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::info, format, fmt::make_format_args(args...));
}
template <class... Args>
void warn(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::warn, format, fmt::make_format_args(args...));
}
template <class... Args>
void error(fmt::format_string<Args...> format, Args&&... args) {
  write(Level::error, format, fmt::make_format_args(args...));
}

}  // namespace armorm::log
