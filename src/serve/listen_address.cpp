#include "serve/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <charconv>
#include <system_error>

#include "core/error.h"

namespace armorm::serve {

ListenAddress parse_listen_address(std::string_view text) {
  const auto fail = [&] {
    fail_usage("--listen: '{}' is not an address; use for example 127.0.0.1:8000, [::1]:8000 or 0.0.0.0:8000",
               text);
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) fail();
  std::string_view host = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty() || (!bracketed && host.find(':') != std::string_view::npos)) fail();
  ListenAddress address{std::string(host)};
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc() || end != digits.data() + digits.size()) fail();
  return address;
}

bool is_loopback(std::string_view host) {
  const std::string text(host);
  in_addr v4{};
  if (::inet_pton(AF_INET, text.c_str(), &v4) == 1) return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return host == "localhost";
}

}  // namespace armorm::serve
