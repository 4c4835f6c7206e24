// Catch's CHECK instead of LibTorch's, which ends the program. Included first: LibTorch's headers then define
// theirs no more.
#pragma once

#include <c10/util/Logging.h>

#undef CHECK
#include <catch2/catch.hpp>
