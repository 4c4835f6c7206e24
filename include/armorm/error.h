// The one exception type of the library.
//
// Every message says four things in one line: where (file, field, row), what was found, what was
// expected, and what to do about it. Executables print the message and exit with exit_code().
#pragma once

#include <stdexcept>
#include <string>

#include "armorm/export.h"

namespace armorm {

// The numeric values are the exit codes of the executables.
enum class ErrorKind : int {
  internal = 1,      // a broken invariant of the library
  usage = 2,         // options or config that cannot be run
  io = 3,            // missing file, failed read or write
  data = 4,          // a file with wrong or inconsistent content
  locked = 5,        // another process works on the same output
  interrupted = 75,  // stopped on request; the same command resumes (EX_TEMPFAIL of sysexits.h: "requeue me")
};

class ARMORM_API Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }
  int exit_code() const noexcept { return static_cast<int>(kind_); }

 private:
  ErrorKind kind_;
};

}  // namespace armorm
