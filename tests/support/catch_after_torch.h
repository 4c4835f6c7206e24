// Catch's CHECK instead of LibTorch's, which ends the program. To be included first: LibTorch's header is
// then not read again, and does not replace it.
#pragma once

#include <c10/util/Logging.h>

#undef CHECK
#include <catch2/catch.hpp>
