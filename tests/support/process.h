// Runs a program and collects what it says.
#pragma once

#include <string>
#include <vector>

namespace armorm::test {

struct ProcessResult {
  int exit_code = -1;  // 128 + signal when killed
  std::string out;
  std::string err;
};

// `program` is a name in the build's bin folder, or a path. Standard input is empty.
ProcessResult run_program(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace armorm::test
