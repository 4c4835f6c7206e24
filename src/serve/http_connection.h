// One connection of the HTTP server, and the exchange of its current request.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "serve/http_server.h"

namespace armorm::serve {

class HttpConnection;

// What connections share. Used on the server's thread, except where atomic. Exchanges keep it alive after the
// server.
struct HttpCore {
  HttpServerOptions options;
  HttpServer::Router router;
  boost::asio::io_context io{1};
  std::set<std::shared_ptr<HttpConnection>> connections;
  std::atomic<bool> stopped = false;   // nothing runs on `io` any longer
  std::atomic<bool> draining = false;  // answers close their connections
  std::atomic<std::int64_t> accepted = 0, refused = 0, open = 0, requests = 0, timeouts = 0, disconnects = 0;

  // Connections with a request whose answer is not written.
  std::mutex mutex;
  std::condition_variable changed;
  std::int64_t busy = 0;  // guarded by mutex

  void add_busy(std::int64_t more);
  // From any thread; dropped after the server's end.
  void post(std::function<void()> work);
};

// All members on the server's thread unless said otherwise.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(std::shared_ptr<HttpCore> core, boost::asio::ip::tcp::socket socket);

  void start();
  void start_refused();  // 503, because there are too many
  void close();
  bool is_idle() const noexcept { return !busy_; }

 private:
  friend class HttpExchange;
  template <class Body>
  using Parser = boost::beast::http::request_parser<Body>;
  using Error = boost::beast::error_code;

  void wait_for_request();
  void read_head();
  void take_head();
  std::optional<HttpAnswer> fault_of_head() const;
  void take_route(HttpHead head, HttpRoute route);
  void read_body(HttpHead head, HttpRoute route);
  void continue_then(std::function<void()> next);
  void hand_over(const std::shared_ptr<class HttpExchange>& exchange, const HttpRoute& route);
  void watch_client();
  void read_piece();
  void fail(const Error& error, const char* timeout_message);
  void refuse(const HttpAnswer& answer);
  void write_answer(HttpAnswer answer, bool keep_alive);
  void after_answer(bool keep_alive);
  void close_gently();
  void discard(std::size_t left);
  void begin_stream(int status, const std::string& content_type);
  void write_next();
  void after_piece(const Error& error, std::size_t bytes);
  void write_end();
  void set_busy(bool busy);
  bool has_body() const;

  std::shared_ptr<HttpCore> core_;
  boost::beast::tcp_stream stream_;
  std::string peer_;
  boost::beast::flat_buffer buffer_;
  std::optional<Parser<boost::beast::http::empty_body>> head_parser_;
  std::optional<Parser<boost::beast::http::string_body>> body_parser_;
  std::optional<Parser<boost::beast::http::buffer_body>> stream_parser_;
  std::weak_ptr<class HttpExchange> exchange_;
  bool busy_ = false;
  bool closed_ = false;
  bool head_method_ = false;  // HEAD: an answer without its body
  bool old_client_ = false;   // HTTP/1.0, which knows no chunks
  bool keep_alive_ = false;   // as the request asks
  bool body_read_ = true;     // nothing of the request is left to be read
  bool chunked_ = false;      // the streamed answer
  bool writing_ = false;
  bool ended_ = false;              // the streamed answer is complete
  std::deque<std::string> pieces_;  // of the streamed answer
};

}  // namespace armorm::serve
