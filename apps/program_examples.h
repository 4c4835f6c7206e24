// The EXAMPLES of the man pages.
#pragma once

#include <string>
#include <vector>

namespace armorm::cli {

struct Example {
  std::string what;     // one sentence
  std::string command;  // lines of shell
};

std::vector<Example> program_examples(const std::string& program);  // empty for a program that has none

}  // namespace armorm::cli
