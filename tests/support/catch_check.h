// Catch's CHECK, which LibTorch's headers replace by one that ends the program. To be included after them.
#pragma once

#include <catch2/catch.hpp>

#undef CHECK
#define CHECK(...) INTERNAL_CATCH_TEST("CHECK", Catch::ResultDisposition::ContinueOnFailure, __VA_ARGS__)
