// The one exception type of the library.
//
// Every message says four things in one line: where (file, field, row), what was found, what was
// expected, and what to do about it. Executables print the message and exit with exit_code().
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace armorm {

// The numeric values are the exit codes of the executables.
enum class ErrorKind : int {
  internal = 1,  // a broken invariant of ours
  usage = 2,     // flags or config that cannot be run
  io = 3,        // a missing file, a failed read or write
  data = 4,      // a file that was read but holds wrong or inconsistent content
  locked = 5,    // another process is at work on the same output
  interrupted =
      75,  // asked to stop; the same command goes on later (EX_TEMPFAIL of sysexits.h: "requeue me")
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }
  int exit_code() const noexcept { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

template <class... Args>
[[noreturn]] void fail_internal(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::internal, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
[[noreturn]] void fail_usage(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::usage, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
[[noreturn]] void fail_io(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::io, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
[[noreturn]] void fail_data(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::data, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
[[noreturn]] void fail_locked(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::locked, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
[[noreturn]] void fail_interrupted(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(ErrorKind::interrupted, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace armorm
