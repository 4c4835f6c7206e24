// Throws the library's exception with a formatted message.
#pragma once

#include <fmt/core.h>

#include "armorm/error.h"

namespace armorm {

// Throws Error with the formatted message. The definition is compiled once: callers check only the format
// string, and the formatting code stays out of them.
[[noreturn]] void fail(ErrorKind kind, fmt::string_view format, fmt::format_args args);

template <class... Args>
[[noreturn]] void fail_internal(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorKind::internal, format, fmt::make_format_args(args...));
}
template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorKind::usage, format, fmt::make_format_args(args...));
}
template <class... Args>
[[noreturn]] void fail_io(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorKind::io, format, fmt::make_format_args(args...));
}
template <class... Args>
[[noreturn]] void fail_data(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorKind::data, format, fmt::make_format_args(args...));
}
template <class... Args>
[[noreturn]] void fail_locked(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorKind::locked, format, fmt::make_format_args(args...));
}
template <class... Args>
[[noreturn]] void fail_interrupted(fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorKind::interrupted, format, fmt::make_format_args(args...));
}

}  // namespace armorm
