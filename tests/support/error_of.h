// The message of the error that a call throws.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "core/error.h"

namespace armorm::test {

// Fails the test when nothing is thrown or the error has another kind.
template <class Call>
std::string error_of(Call call, ErrorKind kind) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL("no error was thrown");
  return {};
}

}  // namespace armorm::test
