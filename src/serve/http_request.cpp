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
// For a client that sends all of a refused body before it reads the answer.
constexpr std::chrono::milliseconds kLingerTime{10'000};
constexpr std::chrono::milliseconds kTurnedAwayTime{2000};

}  // namespace

// Head and body have one deadline: a client that sends a byte now and then does not move it.
void Connection::begin_request() {
  parser_ = std::make_unique<RequestParser>(shared_.options.max_header_bytes);
  input_ = Input::head;
  arm(read_deadline_, shared_.options.read_timeout, &Connection::on_read_timeout);
  if (shared_.drains) limit_reading(kDrainReadTime);
}

void Connection::route(HttpHead head) {
  ++shared_.counts.requests;
  path_ = head.path;
  head.peer = peer_;
  is_head_request_ = head.method == "HEAD";
  closes_ = !parser_->keeps_alive();
  const std::string_view expects = head.header("expect");
  if (!expects.empty() && !equal_ignoring_case(expects, "100-continue"))
    return refuse(417, "the only Expect that is supported is '100-continue'");
  const HttpRoute chosen = shared_.router(head);
  chosen.refusal ? refuse_unread(*chosen.refusal, !expects.empty()) : accept_request(std::move(head), chosen);
}

void Connection::accept_request(HttpHead head, const HttpRoute& route) {
  is_streamed_ = route.body == HttpRoute::Body::streamed;
  max_body_ = std::min(route.max_body_bytes, shared_.options.max_body_bytes);
  body_share_ = BodyShare(shared_.bodies);
  since_moved_ = 0;
  has_progress_ = is_streamed_;
  const std::uint64_t length = parser_->content_length().value_or(0);
  if (!is_streamed_ && length > max_body_) return refuse_length();
  if (!is_streamed_ && !shared_.bodies->fits(static_cast<std::size_t>(length))) return refuse_bodies();
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
  exchange_->set_body(std::exchange(body_, {}), std::move(body_share_));
  const auto handler = std::exchange(handler_, nullptr);
  try {
    handler(exchange_->open());
  } catch (const std::exception& error) {
    log::error("HTTP server: internal error: {}", error.what());
  }
}

void Connection::refuse_length() {
  if (max_body_ < shared_.options.max_body_bytes)
    return refuse(413, fmt::format("{}: takes no body of more than {} bytes", path_, max_body_));
  const std::string& name = shared_.options.body_name;
  refuse(413, "the body of the request is larger than " +
                  (name.empty() ? fmt::format("max_body_bytes, {}", max_body_) : name));
}

void Connection::refuse_bodies() {
  HttpAnswer answer =
      plain_error(503, fmt::format("the bodies of all requests together are limited to {} bytes, of which {} "
                                   "are in use; try again in 1 s",
                                   shared_.bodies->most(), shared_.bodies->used()));
  answer.headers.emplace_back("Retry-After", "1");
  refuse(answer);
}

void Connection::note_answer(int status) {
  if (shared_.on_answer) shared_.on_answer(path_, status);
}

// The rest of the request is not understood, or not wanted: there is no next one.
void Connection::refuse(int status, std::string_view message) { refuse(plain_error(status, message)); }

void Connection::refuse(const HttpAnswer& answer) {
  closes_ = true;
  note_answer(answer.status);
  if (exchange_) exchange_->abandon();
  input_ = Input::lingers;
  disarm(read_deadline_);
  has_started_answer_ = has_answered_ = true;
  send(encode_answer(answer, framing()));
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
  note_answer(answer.status);
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
  path_.clear();
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
  body_share_ = {};
  if (has_ended_input_) return abort();
  input_ = Input::lingers;
  error_code ignored;
  socket_.shutdown(boost::asio::socket_base::shutdown_send, ignored);
  arm(read_deadline_, is_turned_away_ ? kTurnedAwayTime : kLingerTime, &Connection::on_read_timeout);
  want_input();
  shared_.on_change();
}

void Connection::turn_away() {
  is_turned_away_ = true;
  ++shared_.turned_away;
  const std::string& name = shared_.options.connections_name;
  HttpAnswer answer = plain_error(
      503, fmt::format(
               "the server has {} connections already",
               name.empty() ? fmt::format("max_connections, {},", shared_.options.max_connections) : name));
  note_answer(answer.status);
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

// A client that has sent half of its request does not hold up the end of the server.
void Connection::limit_reading(std::chrono::milliseconds most) {
  const bool is_incomplete = input_ == Input::head || (input_ == Input::body && !is_streamed_);
  if (is_closed_ || !is_incomplete || read_deadline_.time <= std::chrono::steady_clock::now() + most) return;
  arm(read_deadline_, most, &Connection::on_read_timeout);
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
