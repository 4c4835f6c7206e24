// The one exception type of the library.
//
// Every message says four things in one line: where (file, field, row), what was found, what was expected,
// and what to do about it. Executables print the message and exit with exit_code().
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace armorm {

// The numeric values are the exit codes of the executables.
enum class ErrorKind : int {
  internal = 1,  // a broken invariant of the program
  usage = 2,     // flags or config that cannot run
  io = 3,        // missing file, failed read or write
  data = 4,      // a file with wrong or inconsistent content
  locked = 5,    // another process works on the same output
  interrupted =
      75,  // stopped on request; the same command resumes later (EX_TEMPFAIL of sysexits.h: "requeue me")
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }
  int exit_code() const noexcept { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

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
