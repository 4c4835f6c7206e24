// A connection's requests: from the head to the route, and from the answer to the next request.
#include <fmt/core.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "core/log.h"
#include "serve/http_connection.h"
#include "serve/http_head.h"

namespace armorm::serve {
namespace {

constexpr std::size_t kUnwantedBytes = 64 << 10;  // of a refused body: read, so that the connection can stay
constexpr std::chrono::milliseconds kLingerTime{2000};

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

}  // namespace

// Head and body have one deadline: a client that sends a byte now and then does not move it.
void Connection::begin_request() {
  parser_ = std::make_unique<RequestParser>(shared_.options.max_header_bytes);
  input_ = Input::head;
  arm(read_deadline_, shared_.options.read_timeout, &Connection::on_read_timeout);
}

void Connection::route(HttpHead head) {
  ++shared_.counts.requests;
  head.peer = peer_;
  is_head_request_ = head.method == "HEAD";
  closes_ = !parser_->keeps_alive();
  const std::string_view expects = head.header("expect");
  if (!expects.empty() && !equals_ignoring_case(expects, "100-continue"))
    return refuse(417, "the only Expect that is supported is '100-continue'");
  const HttpRoute chosen = shared_.router(head);
  chosen.refusal ? refuse_unread(*chosen.refusal, !expects.empty()) : accept_request(std::move(head), chosen);
}

void Connection::accept_request(HttpHead head, const HttpRoute& route) {
  is_streamed_ = route.body == HttpRoute::Body::streamed;
  if (!is_streamed_ && parser_->content_length().value_or(0) > shared_.options.max_body_bytes)
    return refuse_length();
  const bool client_waits =
      !head.header("expect").empty() && !parser_->is_http_1_0() && parser_->has_body() && received_.empty();
  exchange_ = std::make_shared<ExchangeState>(std::move(head), waker());
  handler_ = route.handle;
  input_ = Input::body;
  if (client_waits) send(std::string(kContinue));
  if (is_streamed_) handle();
}

std::function<void()> Connection::waker() {
  return [mailbox = shared_.mailbox, weak = weak_from_this()] {
    mailbox->post([weak] {
      if (const auto self = weak.lock()) self->guarded (&Connection::on_wake)();
    });
  };
}

// An exception drops the exchange, unless the handler has passed it on; a dropped one is answered by 500.
void Connection::handle() {
  exchange_->set_body(std::exchange(body_, {}));
  const auto handler = std::exchange(handler_, nullptr);
  try {
    handler(exchange_->open());
  } catch (const std::exception& error) {
    log::error("HTTP server: internal error: {}", error.what());
  }
}

void Connection::refuse_length() {
  refuse(413, fmt::format("the body of the request is larger than max_body_bytes, {}",
                          shared_.options.max_body_bytes));
}

// The rest of the request is not understood, or not wanted: there is no next one.
void Connection::refuse(int status, std::string_view message) {
  closes_ = true;
  if (exchange_) exchange_->abandon();
  input_ = Input::lingers;
  disarm(read_deadline_);
  has_started_answer_ = has_answered_ = true;
  send(encode_answer(plain_error(status, message), framing()));
  want_input();
}

// Of a small body the rest is read, so that the connection can stay open. A client that expects 100 may send
// its body or not: then the end of the request is unknown.
void Connection::refuse_unread(const HttpAnswer& answer, bool client_waits) {
  const bool is_short =
      !parser_->has_body() || parser_->content_length().value_or(SIZE_MAX) <= kUnwantedBytes;
  closes_ = closes_ || !is_short || client_waits;
  input_ = closes_ ? Input::lingers : Input::unwanted;
  if (closes_) disarm(read_deadline_);
  has_started_answer_ = has_answered_ = true;
  send(encode_answer(answer, framing()));
  if (closes_) want_input();
}

void Connection::finish_request() {
  if (is_closed_ || !has_answered_ || !output_.empty()) return;
  if (input_ == Input::unwanted && !closes_) return;  // the rest of the body still comes
  if (closes_ || input_ != Input::watched) return linger();
  next_request();
}

void Connection::next_request() {
  parser_.reset();
  exchange_.reset();
  is_streamed_ = has_started_answer_ = has_answered_ = sees_next_request_ = false;
  input_ = Input::idle;
  arm(read_deadline_, shared_.options.idle_timeout, &Connection::on_read_timeout);
  if (shared_.drains) close_if_idle();
  if (!is_closed_) parse();
}

// If a connection were closed while the client still sends, its system could discard the answer unread
// (RFC 9112, 9.6). So only this side is closed at first.
void Connection::linger() {
  exchange_.reset();
  parser_.reset();
  received_ = body_ = {};
  if (has_ended_input_) return abort();
  input_ = Input::lingers;
  error_code ignored;
  socket_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
  arm(read_deadline_, std::min(kLingerTime, shared_.options.read_timeout), &Connection::on_read_timeout);
  want_input();
  shared_.on_change();
}

void Connection::turn_away() {
  is_turned_away_ = true;
  ++shared_.turned_away;
  HttpAnswer answer = plain_error(503, fmt::format("the server has max_connections, {}, connections already",
                                                   shared_.options.max_connections));
  answer.headers.emplace_back("Retry-After", "1");
  closes_ = true;
  input_ = Input::lingers;
  has_started_answer_ = has_answered_ = true;
  send(encode_answer(answer, framing()));
  want_input();
}

// A request that has come, read or not, is answered.
void Connection::close_if_idle() {
  if (input_ != Input::idle || !received_.empty()) return;
  char next = 0;
  if (::recv(socket_.native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) abort();
}

void Connection::abort() {
  if (std::exchange(is_closed_, true)) return;
  const auto self = shared_from_this();
  if (exchange_) exchange_->abandon();
  error_code ignored;
  socket_.close(ignored);
  disarm(read_deadline_);
  disarm(write_deadline_);
  --shared_.counts.connections;
  shared_.turned_away -= is_turned_away_ ? 1 : 0;
  shared_.open.erase(self);
  shared_.on_change();
}

void Connection::lose() {
  if (exchange_ && (!has_answered_ || !output_.empty())) ++shared_.counts.disconnects;
  abort();
}

void Connection::fail(const char* what) noexcept {
  try {
    log::error("HTTP server: internal error: {}", what);
    has_started_answer_ || is_closed_ ? abort() : refuse(500, "internal error");
  } catch (const std::exception&) {
    abort();
  }
}

}  // namespace armorm::serve
