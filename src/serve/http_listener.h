// The socket on which a server waits for connections.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <string>

namespace armorm::serve {

class Listener {
 public:
  using Accepted = std::function<void(boost::asio::ip::tcp::socket)>;  // on the thread that runs `io`

  // Listens on the first address of `host` that this machine has. Errors as of HttpServer.
  Listener(boost::asio::io_context& io, const std::string& host, std::uint16_t port, Accepted accepted);

  std::uint16_t port() const { return endpoint_.port(); }
  std::string address() const;

  // On the thread that runs `io`, as all that follows.
  void start();
  // Takes the connections that clients have made so far, and frees the port.
  void close();

 private:
  void wait();
  void take_waiting();
  void on_failure(const boost::system::error_code& error);

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::ip::tcp::endpoint endpoint_;
  boost::asio::steady_timer pause_;
  Accepted accepted_;
  bool fails_ = false;  // since a warning
};

// "127.0.0.1:8000", "[::1]:8000"
std::string text_of(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace armorm::serve
