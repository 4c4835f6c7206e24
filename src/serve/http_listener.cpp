#include "serve/http_listener.h"

#include <fcntl.h>

#include <boost/asio/ip/v6_only.hpp>
#include <chrono>
#include <utility>

#include "core/error.h"
#include "core/log.h"

namespace armorm::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kPause{100};  // after a failure, for example for want of file descriptors

void listen_on(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  acceptor.open(endpoint.protocol());
  acceptor.set_option(asio::socket_base::reuse_address(true));
  // "::" also takes IPv4.
  if (endpoint.address().is_v6())
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()));
  ::fcntl(acceptor.native_handle(), F_SETFD, FD_CLOEXEC);
  acceptor.non_blocking(true);
  acceptor.bind(endpoint);
  acceptor.listen(asio::socket_base::max_listen_connections);
}

tcp::resolver::results_type addresses_of(asio::io_context& io, const std::string& host, std::uint16_t port) {
  error_code error;
  auto found = tcp::resolver(io).resolve(host, std::to_string(port), tcp::resolver::numeric_service, error);
  if (host.empty() || error || found.empty())
    fail_usage("the host '{}' has no address: {}", host, error ? error.message() : "it is empty");
  return found;
}

[[noreturn]] void fail_to_listen(const std::string& host, const tcp::endpoint& endpoint,
                                 const error_code& error) {
  if (error == boost::system::errc::address_not_available ||
      error == boost::system::errc::address_family_not_supported)
    fail_usage("the host '{}' has no address of this machine: {}", host, error.message());
  fail_io("{}: cannot listen: {}; choose another address or port, or end what listens there",
          text_of(endpoint), error.message());
}

// An address of a name may be missing here, as ::1 of localhost is without IPv6; then the next one is taken.
void listen_on_first(tcp::acceptor& acceptor, const std::string& host,
                     const tcp::resolver::results_type& addresses) {
  std::size_t left = addresses.size();
  for (const auto& address : addresses) {
    try {
      return listen_on(acceptor, address.endpoint());
    } catch (const boost::system::system_error& error) {
      const bool is_missing = error.code() == boost::system::errc::address_not_available ||
                              error.code() == boost::system::errc::address_family_not_supported;
      if (!is_missing || --left == 0) fail_to_listen(host, address.endpoint(), error.code());
      error_code ignored;
      acceptor.close(ignored);
    }
  }
}

}  // namespace

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}

Listener::Listener(asio::io_context& io, const std::string& host, std::uint16_t port, Accepted accepted)
    : acceptor_(io), pause_(io), accepted_(std::move(accepted)) {
  listen_on_first(acceptor_, host, addresses_of(io, host, port));
  endpoint_ = acceptor_.local_endpoint();
}

std::string Listener::address() const { return text_of(endpoint_); }

void Listener::start() { wait(); }

void Listener::wait() {
  acceptor_.async_wait(tcp::acceptor::wait_read, [this](const error_code& error) {
    if (error || !acceptor_.is_open()) return;
    take_waiting();
  });
}

void Listener::take_waiting() {
  for (;;) {
    error_code error;
    tcp::socket socket = acceptor_.accept(error);
    if (error == asio::error::would_block) return wait();
    if (error == asio::error::connection_aborted) continue;  // the client has gone already
    if (error) return on_failure(error);
    fails_ = false;
    ::fcntl(socket.native_handle(), F_SETFD, FD_CLOEXEC);
    accepted_(std::move(socket));
  }
}

// The connection that cannot be taken keeps the socket readable: to try again at once would keep a core busy.
void Listener::on_failure(const error_code& error) {
  if (!std::exchange(fails_, true))
    log::warn("{}: connections wait, because they cannot be accepted: {}", address(), error.message());
  pause_.expires_after(kPause);
  pause_.async_wait([this](const error_code& cancelled) {
    if (!cancelled && acceptor_.is_open()) take_waiting();
  });
}

void Listener::close() {
  error_code error;
  while (acceptor_.is_open()) {
    tcp::socket socket = acceptor_.accept(error);
    if (error) break;
    accepted_(std::move(socket));
  }
  acceptor_.close(error);
  pause_.cancel();
}

}  // namespace armorm::serve
