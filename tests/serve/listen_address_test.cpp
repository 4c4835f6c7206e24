#include "serve/listen_address.h"

#include <catch2/catch.hpp>

using armorm::serve::is_loopback;

TEST_CASE("only addresses of this machine are loopback", "[unit]") {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "::1", "0:0:0:0:0:0:0:1"})
    CHECK(is_loopback(host));
  for (const char* host : {"127.evil.com", "127.0.0.1.evil.com", "0.0.0.0", "::", "10.0.0.1", "127.", ""})
    CHECK_FALSE(is_loopback(host));
}
