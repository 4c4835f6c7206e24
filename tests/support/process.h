// Runs a program and collects its output.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "support/test_support.h"

namespace armorm::test {

struct ProcessResult {
  int exit_code = -1;  // 128 + signal when killed
  std::string out;
  std::string err;
};

// A running program; `program` is a name in the build's bin folder, or a path. Standard input is empty.
class ChildProcess {
 public:
  ChildProcess(const std::string& program, const std::vector<std::string>& arguments);
  ~ChildProcess();  // killed if it was not waited for
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t id() const noexcept { return id_; }
  void signal(int number) const;
  std::string err() const;  // standard error so far
  ProcessResult wait();

 private:
  TempDir output_;
  pid_t id_ = -1;
};

struct Terminal {
  unsigned short columns = 80;
  std::vector<std::string> environment = {};  // "NAME=value"; "NAME" removes it
};

// On a pseudo terminal; both of its outputs are in `out`, as the program wrote them.
ProcessResult run_on_terminal(const std::string& program, const std::vector<std::string>& arguments,
                              const Terminal& terminal);

ProcessResult run_program(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace armorm::test
