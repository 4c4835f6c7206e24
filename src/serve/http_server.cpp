#include "serve/http_server.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <condition_variable>
#include <thread>

#include "core/log.h"
#include "serve/http_connection.h"
#include "serve/http_listener.h"

namespace armorm::serve {
namespace {

constexpr std::size_t kMostTurnedAway = 64;  // that get 503 at a time; others are closed without

}  // namespace

class HttpServer::Impl {
 public:
  Impl(HttpServerOptions options, Router router, Observer observer)
      : listener_(io_, options.host, options.port,
                  [this](boost::asio::ip::tcp::socket socket) { take(std::move(socket)); }),
        shared_(std::move(options), std::move(router), std::move(observer), io_) {
    shared_.on_change = [this] { note_drained(); };
    listener_.start();
    thread_ = std::thread([this] { run(); });
  }

  // What is posted later is dropped, so that the thread runs out of work once all connections are closed.
  ~Impl() {
    shared_.mailbox->post([this] {
      stop_listening();
      const auto open = shared_.open;
      for (const auto& connection : open) connection->abort();
    });
    shared_.mailbox->close();
    work_.reset();
    thread_.join();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const Listener& listener() const { return listener_; }

  HttpCounts counts() const {
    const HttpShared::Counts& now = shared_.counts;
    return {now.connections, now.accepted, now.refused_connections,
            now.requests,    now.timeouts, now.disconnects};
  }

  void set_headers(std::vector<std::pair<std::string, std::string>> headers) {
    shared_.mailbox->post([this, headers = std::move(headers)] { shared_.headers = headers; });
  }

  bool drain(std::chrono::milliseconds limit) {
    const auto end = std::chrono::steady_clock::now() + limit;
    shared_.mailbox->post([this] { begin_drain(); });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_port_free_; });
    return changed_.wait_until(lock, end, [this] { return is_drained_; });
  }

 private:
  void run() {
    for (;;) {
      try {
        io_.run();
        return;
      } catch (const std::exception& error) {
        log::error("HTTP server: internal error: {}", error.what());
      }
    }
  }

  void take(boost::asio::ip::tcp::socket socket) {
    const bool is_one_too_many = shared_.open.size() - shared_.turned_away >= shared_.options.max_connections;
    if (is_one_too_many) ++shared_.counts.refused_connections;
    if (is_one_too_many && shared_.turned_away >= kMostTurnedAway) return;
    const auto connection = std::make_shared<Connection>(std::move(socket), shared_);
    shared_.open.insert(connection);
    if (is_one_too_many) return connection->turn_away();
    ++shared_.counts.accepted;
    connection->start();
  }

  void begin_drain() {
    stop_listening();
    shared_.drains = true;
    const auto open = shared_.open;
    for (const auto& connection : open) {
      connection->close_if_idle();
      connection->limit_reading(kDrainReadTime);
    }
    note_drained();
  }

  void stop_listening() {
    listener_.close();
    const std::lock_guard lock(mutex_);
    is_port_free_ = true;
    changed_.notify_all();
  }

  void note_drained() {
    if (!shared_.drains) return;
    const auto works = [](const auto& connection) { return connection->is_working(); };
    if (std::any_of(shared_.open.begin(), shared_.open.end(), works)) return;
    const std::lock_guard lock(mutex_);
    is_drained_ = true;
    changed_.notify_all();
  }

  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{io_.get_executor()};
  Listener listener_;
  HttpShared shared_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_port_free_ = false;
  bool is_drained_ = false;
  std::thread thread_;
};

HttpServer::HttpServer(HttpServerOptions options, Router router, Observer observer)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(router), std::move(observer))) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const { return impl_->listener().port(); }
std::string HttpServer::address() const { return impl_->listener().address(); }
HttpCounts HttpServer::counts() const { return impl_->counts(); }
void HttpServer::set_headers(std::vector<std::pair<std::string, std::string>> headers) {
  impl_->set_headers(std::move(headers));
}
bool HttpServer::drain(std::chrono::milliseconds limit) { return impl_->drain(limit); }

}  // namespace armorm::serve
