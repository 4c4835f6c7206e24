// What is printed to standard output.
#pragma once

#include <iostream>
#include <sstream>
#include <string>

namespace armorm::test {

// While `run` runs, which must not throw.
template <class Run>
std::string printed(const Run& run) {
  const std::ostringstream text;
  std::streambuf* const before = std::cout.rdbuf(text.rdbuf());
  run();
  std::cout.rdbuf(before);
  return text.str();
}

}  // namespace armorm::test
