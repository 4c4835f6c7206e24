#include "serve/http_connection.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>
#include <utility>

#include "core/log.h"
#include "serve/http_exchange.h"
#include "serve/http_head.h"

namespace armorm::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;

constexpr std::size_t kPiece = std::size_t{64} << 10;
// Of the rest of a request that was refused: read, so that the client sees the answer and not a reset.
constexpr std::size_t kMostDiscarded = std::size_t{8} << 20;
constexpr std::chrono::seconds kDiscardTime{2};

bool is_timeout(const beast::error_code& error) { return error == beast::error::timeout; }

bool is_malformed(const beast::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

// Control characters would end the header.
std::string header_text(std::string_view text) {
  std::string out(text);
  std::erase_if(out, [](unsigned char c) { return c < ' ' || c == 0x7f; });
  return out;
}

std::string address_text(const asio::ip::tcp::socket& socket) {
  beast::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  return error ? "" : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

template <class Fields>
std::vector<std::pair<std::string, std::string>> headers_of(const Fields& fields) {
  std::vector<std::pair<std::string, std::string>> headers;
  for (const auto& field : fields)
    headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
  return headers;
}

}  // namespace

void HttpCore::add_busy(std::int64_t more) {
  {
    const std::lock_guard lock(mutex);
    busy += more;
  }
  changed.notify_all();
}

void HttpCore::post(std::function<void()> work) {
  if (!stopped) asio::post(io, std::move(work));
}

HttpConnection::HttpConnection(std::shared_ptr<HttpCore> core, asio::ip::tcp::socket socket)
    : core_(std::move(core)), stream_(std::move(socket)), peer_(address_text(stream_.socket())) {
  beast::error_code ignored;
  stream_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
}

void HttpConnection::start() { wait_for_request(); }

void HttpConnection::start_refused() {
  HttpAnswer answer = plain_error(
      503, fmt::format("{} connections are open, which is the most", core_->options.max_connections));
  answer.headers.emplace_back("Retry-After", "1");
  body_read_ = false;
  write_answer(std::move(answer), false);
}

void HttpConnection::close() {
  if (closed_) return;
  closed_ = true;
  if (const auto exchange = exchange_.lock()) {
    if (busy_) ++core_->disconnects;
    exchange->set_gone();
  }
  set_busy(false);
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
  core_->connections.erase(shared_from_this());
  core_->open = static_cast<std::int64_t>(core_->connections.size());
}

void HttpConnection::set_busy(bool busy) {
  if (busy == busy_) return;
  busy_ = busy;
  core_->add_busy(busy ? 1 : -1);
}

// Without a timeout of the request, which begins with its first byte.
void HttpConnection::wait_for_request() {
  if (core_->draining) return close();
  head_parser_.reset();
  body_parser_.reset();
  stream_parser_.reset();
  if (buffer_.size() > 0) return read_head();
  stream_.expires_after(core_->options.idle_timeout);
  stream_.async_read_some(buffer_.prepare(kPiece / 16),
                          [self = shared_from_this()](const Error& error, std::size_t n) {
                            if (error) return self->close();
                            self->buffer_.commit(n);
                            self->read_head();
                          });
}

void HttpConnection::read_head() {
  if (closed_) return;
  set_busy(true);
  keep_alive_ = false;
  body_read_ = false;
  head_method_ = false;
  head_parser_.emplace();
  head_parser_->header_limit(static_cast<std::uint32_t>(core_->options.max_header_bytes));
  head_parser_->body_limit(boost::none);
  stream_.expires_after(core_->options.read_timeout);  // of the head and the body
  http::async_read_header(stream_, buffer_, *head_parser_,
                          [self = shared_from_this()](const Error& error, std::size_t) {
                            if (error) return self->fail(error, "the request did not arrive");
                            self->take_head();
                          });
}

bool HttpConnection::has_body() const {
  return head_parser_->chunked() || head_parser_->content_length_remaining().value_or(0) > 0;
}

std::optional<HttpAnswer> HttpConnection::fault_of_head() const {
  const auto& request = head_parser_->get();
  if (request.count(http::field::transfer_encoding) > 0 && !head_parser_->chunked())
    return plain_error(501, "Transfer-Encoding: only chunked is supported");
  const auto coding = request[http::field::content_encoding];
  if (!coding.empty() && !beast::iequals(coding, "identity"))
    return plain_error(415, fmt::format("Content-Encoding: {} is not supported; send the body as it is",
                                        std::string(coding)));
  const auto expect = request[http::field::expect];
  if (!expect.empty() && !beast::iequals(expect, "100-continue"))
    return plain_error(417, "Expect: only 100-continue is supported");
  return std::nullopt;
}

void HttpConnection::take_head() {
  ++core_->requests;
  const auto& request = head_parser_->get();
  keep_alive_ = request.keep_alive();
  head_method_ = request.method() == http::verb::head;
  old_client_ = request.version() < 11;
  body_read_ = !has_body();
  if (std::optional<HttpAnswer> fault = fault_of_head()) return refuse(*fault);
  std::optional<Target> target = parse_target({request.target().data(), request.target().size()});
  if (!target) return refuse(plain_error(400, "the target of the request is neither a path nor a URL"));
  HttpHead head{std::string(request.method_string()), std::move(target->path), std::move(target->query),
                headers_of(request), peer_};
  try {
    HttpRoute route = core_->router(head);
    take_route(std::move(head), std::move(route));
  } catch (const std::exception& error) {
    log::error("{} {}: internal error: {}", head.method, head.path, error.what());
    refuse(plain_error(500, "internal error; the server's log has the reason"));
  }
}

void HttpConnection::take_route(HttpHead head, HttpRoute route) {
  if (route.refusal) return refuse(*route.refusal);
  if (route.body == HttpRoute::Body::complete) return read_body(std::move(head), std::move(route));
  continue_then([self = shared_from_this(), head = std::move(head),
                 route = std::make_shared<HttpRoute>(std::move(route))]() mutable {
    self->stream_parser_.emplace(std::move(*self->head_parser_));
    self->stream_parser_->body_limit(boost::none);
    self->hand_over(std::make_shared<HttpExchange>(self->core_, self, std::move(head), ""), *route);
  });
}

void HttpConnection::read_body(HttpHead head, HttpRoute route) {
  const std::size_t most = core_->options.max_body_bytes;
  const auto too_large = [most] {
    return plain_error(413, fmt::format("the body has more than {} bytes, the most that is taken", most));
  };
  if (head_parser_->content_length_remaining().value_or(0) > most) return refuse(too_large());
  continue_then([self = shared_from_this(), most, too_large, head = std::move(head),
                 route = std::make_shared<HttpRoute>(std::move(route))]() mutable {
    self->body_parser_.emplace(std::move(*self->head_parser_));
    self->body_parser_->body_limit(most);
    http::async_read(
        self->stream_, self->buffer_, *self->body_parser_,
        [self, too_large, head = std::move(head), route](const Error& error, std::size_t) mutable {
          if (error == http::error::body_limit) return self->refuse(too_large());
          if (error) return self->fail(error, "the body of the request did not arrive");
          self->body_read_ = true;
          self->hand_over(std::make_shared<HttpExchange>(self->core_, self, std::move(head),
                                                         std::move(self->body_parser_->get().body())),
                          *route);
        });
  });
}

void HttpConnection::continue_then(std::function<void()> next) {
  if (!has_body() || !beast::iequals(head_parser_->get()[http::field::expect], "100-continue")) return next();
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  asio::async_write(stream_, asio::buffer(kContinue),
                    [self = shared_from_this(), next = std::move(next)](const Error& error, std::size_t) {
                      if (error) return self->close();
                      next();
                    });
}

void HttpConnection::hand_over(const std::shared_ptr<HttpExchange>& exchange, const HttpRoute& route) {
  exchange_ = exchange;
  if (route.body == HttpRoute::Body::complete) watch_client();
  try {
    route.handle(exchange);
  } catch (const std::exception& error) {
    log::error("{}: internal error: {}", exchange->head().path, error.what());
    exchange->answer(plain_error(500, "internal error; the server's log has the reason"));
  }
}

// A client that closes its side has left; what it sends meanwhile is its next request.
void HttpConnection::watch_client() {
  stream_.socket().async_wait(asio::socket_base::wait_read, [self = shared_from_this()](const Error& error) {
    if (error || self->closed_ || self->exchange_.expired() || self->writing_) return;
    char byte = 0;
    const ssize_t got = ::recv(self->stream_.socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) self->close();
  });
}

// One piece of a streamed body, when it is asked for.
void HttpConnection::read_piece() {
  const std::shared_ptr<HttpExchange> exchange = exchange_.lock();
  if (exchange == nullptr || closed_) return;
  if (stream_parser_->is_done()) {
    body_read_ = true;
    return exchange->give_end_of_body(false);
  }
  auto piece = std::make_shared<std::string>(kPiece, '\0');
  auto& body = stream_parser_->get().body();
  body.data = piece->data();
  body.size = piece->size();
  body.more = true;
  stream_.expires_after(core_->options.read_timeout);
  http::async_read_some(stream_, buffer_, *stream_parser_,
                        [self = shared_from_this(), exchange, piece](Error error, std::size_t) {
                          if (error == http::error::need_buffer) error = {};
                          if (error) {
                            if (is_timeout(error)) ++self->core_->timeouts;
                            return exchange->give_end_of_body(true);
                          }
                          piece->resize(kPiece - self->stream_parser_->get().body().size);
                          if (piece->empty()) return self->read_piece();
                          exchange->give_piece(std::move(*piece));
                        });
}

void HttpConnection::fail(const Error& error, const char* timeout_message) {
  if (is_timeout(error)) {
    ++core_->timeouts;
    const auto seconds = std::chrono::duration<double>(core_->options.read_timeout).count();
    return refuse(plain_error(408, fmt::format("{} within {:g} s", timeout_message, seconds)));
  }
  if (error == http::error::header_limit)
    return refuse(plain_error(431, fmt::format("the head has more than {} bytes, the most that is taken",
                                               core_->options.max_header_bytes)));
  if (is_malformed(error)) return refuse(plain_error(400, "is no HTTP request: " + error.message()));
  close();
}

void HttpConnection::refuse(const HttpAnswer& answer) { write_answer(answer, keep_alive_ && body_read_); }

void HttpConnection::write_answer(HttpAnswer answer, bool keep_alive) {
  if (closed_) return;
  keep_alive = keep_alive && !core_->draining;
  auto response = std::make_shared<http::response<http::string_body>>();
  response->result(static_cast<unsigned>(answer.status));
  response->version(11);
  response->set(http::field::server, "armorm");
  response->set(http::field::content_type, header_text(answer.content_type));
  for (const auto& [name, value] : answer.headers) response->set(header_text(name), header_text(value));
  response->keep_alive(keep_alive);
  response->body() = std::move(answer.body);
  response->prepare_payload();
  if (head_method_) response->body().clear();  // Content-Length stays
  writing_ = true;
  stream_.expires_after(core_->options.write_timeout);
  http::async_write(stream_, *response,
                    [self = shared_from_this(), response, keep_alive](const Error& error, std::size_t) {
                      self->writing_ = false;
                      if (is_timeout(error)) ++self->core_->timeouts;
                      if (error) return self->close();
                      self->after_answer(keep_alive);
                    });
}

void HttpConnection::after_answer(bool keep_alive) {
  exchange_.reset();
  if (!keep_alive) return close_gently();
  set_busy(false);
  beast::error_code ignored;
  stream_.socket().cancel(ignored);  // the watch for a client that leaves
  wait_for_request();
}

// A socket that is closed with unread data resets the connection, and the client may lose the answer.
void HttpConnection::close_gently() {
  beast::error_code ignored;
  stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  set_busy(false);
  if (body_read_) return close();
  stream_.expires_after(kDiscardTime);
  discard(kMostDiscarded);
}

void HttpConnection::discard(std::size_t left) {
  if (closed_ || left == 0) return close();
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(kPiece),
                          [self = shared_from_this(), left](const Error& error, std::size_t n) {
                            if (error) return self->close();
                            self->discard(left - std::min(left, n));
                          });
}

void HttpConnection::begin_stream(int status, const std::string& content_type) {
  if (closed_) return;
  chunked_ = !old_client_;
  auto response = std::make_shared<http::response<http::empty_body>>();
  response->result(static_cast<unsigned>(status));
  response->version(11);
  response->set(http::field::server, "armorm");
  response->set(http::field::content_type, header_text(content_type));
  response->keep_alive(false);
  if (chunked_) response->chunked(true);
  auto serializer = std::make_shared<http::response_serializer<http::empty_body>>(*response);
  writing_ = true;
  stream_.expires_after(core_->options.write_timeout);
  http::async_write_header(stream_, *serializer,
                           [self = shared_from_this(), response, serializer](
                               const Error& error, std::size_t) { self->after_piece(error, 0); });
}

void HttpConnection::write_next() {
  if (closed_ || writing_) return;
  if (pieces_.empty()) {
    if (ended_) write_end();
    return;
  }
  const auto piece = std::make_shared<std::string>(std::move(pieces_.front()));
  pieces_.pop_front();
  writing_ = true;
  stream_.expires_after(core_->options.write_timeout);
  const auto written = [self = shared_from_this(), piece](const Error& error, std::size_t) {
    self->after_piece(error, piece->size());
  };
  if (chunked_)
    asio::async_write(stream_, http::make_chunk(asio::buffer(*piece)), written);
  else
    asio::async_write(stream_, asio::buffer(*piece), written);
}

void HttpConnection::after_piece(const Error& error, std::size_t bytes) {
  writing_ = false;
  if (is_timeout(error)) ++core_->timeouts;
  if (error) return close();
  if (const auto exchange = exchange_.lock()) exchange->count_written(bytes);
  write_next();
}

void HttpConnection::write_end() {
  writing_ = true;  // for good: nothing follows
  if (!chunked_) return after_answer(false);
  stream_.expires_after(core_->options.write_timeout);
  asio::async_write(stream_, http::make_chunk_last(),
                    [self = shared_from_this()](const Error& error, std::size_t) {
                      if (error) return self->close();
                      self->after_answer(false);
                    });
}

}  // namespace armorm::serve
