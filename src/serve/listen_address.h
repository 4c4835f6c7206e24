// Where a server listens.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace armorm::serve {

struct ListenAddress {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};

// "127.0.0.1:8000", "localhost:0", "[::1]:8000". usage error for other texts.
ListenAddress parse_listen_address(std::string_view text);

// Whether only this machine reaches it: localhost, 127.0.0.0/8 and ::1.
bool is_loopback(std::string_view host);

}  // namespace armorm::serve
