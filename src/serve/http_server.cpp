#include "serve/http_server.h"

#include <fmt/format.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "serve/http_connection.h"

namespace armorm::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using SystemError = boost::system::error_code;

constexpr std::chrono::milliseconds kAfterFailedAccept{100};

tcp::endpoint resolve(asio::io_context& io, const HttpServerOptions& options) {
  SystemError error;
  tcp::resolver resolver(io);
  const auto found =
      resolver.resolve(options.host, std::to_string(options.port), tcp::resolver::passive, error);
  if (error || found.empty())
    fail_usage("--listen: '{}' is no address of this machine ({}); use for example 127.0.0.1 or 0.0.0.0",
               options.host, error.message());
  return found.begin()->endpoint();
}

std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const bool v6 = endpoint.address().is_v6();
  return v6 ? fmt::format("[{}]:{}", address, endpoint.port())
            : fmt::format("{}:{}", address, endpoint.port());
}

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, Router router) : core_(std::make_shared<HttpCore>()) {
    core_->options = std::move(options);
    core_->router = std::move(router);
    listen(resolve(core_->io, core_->options));
    accept();
    thread_ = std::thread([this] { run(); });
  }

  ~Impl() {
    core_->post([this] {
      close_acceptor();
      close_connections([](const HttpConnection&) { return true; });
      core_->io.stop();
    });
    thread_.join();
    core_->stopped = true;
    // Handlers of operations that were cancelled, and what was posted meanwhile.
    core_->io.restart();
    core_->io.poll();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const tcp::endpoint& endpoint() const { return endpoint_; }

  HttpCounts counts() const {
    return {core_->open,     core_->accepted, core_->refused,
            core_->requests, core_->timeouts, core_->disconnects};
  }

  bool drain(std::chrono::milliseconds limit) {
    core_->draining = true;
    core_->post([this] {
      close_acceptor();
      close_connections([](const HttpConnection& connection) { return connection.is_idle(); });
    });
    std::unique_lock lock(core_->mutex);
    return core_->changed.wait_for(lock, limit, [this] { return core_->busy == 0; });
  }

 private:
  void listen(const tcp::endpoint& wanted) {
    try {
      acceptor_.open(wanted.protocol());
      acceptor_.set_option(asio::socket_base::reuse_address(true));
      acceptor_.bind(wanted);
      acceptor_.listen(asio::socket_base::max_listen_connections);
      endpoint_ = acceptor_.local_endpoint();
    } catch (const boost::system::system_error& error) {
      fail_io("--listen {}: {}; use another port, or end what listens on it", text_of(wanted),
              error.code().message());
    }
  }

  void accept() {
    acceptor_.async_accept([this](const SystemError& error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || !acceptor_.is_open()) return;
      if (error) return accept_later(error);
      accept_failed_ = false;
      take(std::move(socket));
      accept();
    });
  }

  // Without descriptors, for example: they come back when connections end.
  void accept_later(const SystemError& error) {
    if (!std::exchange(accept_failed_, true))
      log::warn("a connection could not be accepted: {}; allow more open files (ulimit -n)", error.message());
    timer_.expires_after(kAfterFailedAccept);
    timer_.async_wait([this](const SystemError& cancelled) {
      if (!cancelled) accept();
    });
  }

  void take(tcp::socket socket) {
    ++core_->accepted;
    const bool too_many = core_->connections.size() >= core_->options.max_connections;
    const auto connection = std::make_shared<HttpConnection>(core_, std::move(socket));
    core_->connections.insert(connection);
    core_->open = static_cast<std::int64_t>(core_->connections.size());
    if (!too_many) return connection->start();
    ++core_->refused;
    connection->start_refused();
  }

  void close_acceptor() {
    SystemError ignored;
    timer_.cancel();
    acceptor_.close(ignored);
  }

  template <class Which>
  void close_connections(const Which& which) {
    const auto all = core_->connections;
    for (const auto& connection : all)
      if (which(*connection)) connection->close();
  }

  void run() {
    for (;;) {
      try {
        core_->io.run();
        return;
      } catch (const std::exception& error) {
        log::error("the server's thread: internal error: {}", error.what());
      }
    }
  }

  std::shared_ptr<HttpCore> core_;
  tcp::acceptor acceptor_{core_->io};
  asio::steady_timer timer_{core_->io};
  tcp::endpoint endpoint_;
  bool accept_failed_ = false;
  std::thread thread_;
};

HttpServer::HttpServer(HttpServerOptions options, Router router)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(router))) {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const { return impl_->endpoint().port(); }
std::string HttpServer::address() const { return text_of(impl_->endpoint()); }
HttpCounts HttpServer::counts() const { return impl_->counts(); }
bool HttpServer::drain(std::chrono::milliseconds limit) { return impl_->drain(limit); }

}  // namespace armorm::serve
