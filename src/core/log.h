// Logging to stderr. Results of a run go to stdout and never through here.
#pragma once

#include <fmt/core.h>

#include <array>
#include <string>
#include <string_view>

namespace armorm::log {

enum class Level { debug, info, warn, error };
constexpr std::array<std::string_view, 4> words_of(Level) { return {"debug", "info", "warn", "error"}; }

void set_level(Level least);  // of the messages that are written
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
