// The log with formatted messages.
#pragma once

#include <fmt/core.h>

#include <array>
#include <string>
#include <string_view>

#include "armorm/log.h"

namespace armorm::log {

constexpr std::array<std::string_view, 4> words_of(Level) { return {"debug", "info", "warn", "error"}; }

// Whether lines may be redrawn on standard error: it is a terminal, and no sink takes the log.
bool draws_on_terminal();
void write(Level level, fmt::string_view format, fmt::format_args args);
// A warning that a process gives once, however often it reads what causes it.
void warn_once(const std::string& message);

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
