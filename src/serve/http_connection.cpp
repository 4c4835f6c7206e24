#include "serve/http_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "serve/http_listener.h"

namespace armorm::serve {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t kLingerBytes = std::size_t{256} << 20;  // that are dropped after a refusal
constexpr std::size_t kProgress = std::size_t{64} << 10;      // of a line

}  // namespace

void Mailbox::post(std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  if (io_ != nullptr) asio::post(*io_, std::move(work));
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  io_ = nullptr;
}

Connection::Connection(tcp::socket socket, HttpShared& shared)
    : socket_(std::move(socket)),
      shared_(shared),
      read_deadline_(socket_.get_executor()),
      write_deadline_(socket_.get_executor()) {
  boost::system::error_code ignored;
  const tcp::endpoint peer = socket_.remote_endpoint(ignored);
  peer_ = text_of(peer);
  socket_.set_option(tcp::no_delay(true), ignored);
  socket_.set_option(asio::socket_base::keep_alive(true), ignored);
  socket_.non_blocking(true, ignored);
  ++shared_.counts.connections;
}

void Connection::start() {
  arm(read_deadline_, shared_.options.idle_timeout, &Connection::on_read_timeout);
  want_input();
}

void Connection::arm(Deadline& deadline, std::chrono::milliseconds after, void (Connection::*expired)()) {
  deadline.time = std::chrono::steady_clock::now() + after;
  deadline.timer.expires_at(deadline.time);
  deadline.timer.async_wait(
      [&deadline, step = guarded(expired)](const error_code& error) {  // `step` keeps the connection
        // A deadline that was moved after its time had come has another wait.
        if (!error && std::chrono::steady_clock::now() >= deadline.time) step();
      });
}

void Connection::disarm(Deadline& deadline) {
  deadline.time = std::chrono::steady_clock::time_point::max();
  deadline.timer.cancel();
}

// Waits instead of reading, so that a connection without bytes needs no buffer.
void Connection::want_input() {
  if (reads_ || is_closed_ || input_ == Input::ended) return;
  if (input_ == Input::watched && (has_ended_input_ || sees_next_request_)) return;
  if (input_ == Input::lingers && has_ended_input_) return;
  if (input_ == Input::body && is_streamed_) {
    if (!exchange_->wants_input()) return disarm(read_deadline_);
    move_deadline();
  }
  reads_ = true;
  socket_.async_wait(tcp::socket::wait_read, guarded(&Connection::on_readable));
}

// Of a streamed body: only for a further line, or much of one, so that single bytes hold no stream open.
void Connection::move_deadline() {
  const bool is_armed = read_deadline_.time != std::chrono::steady_clock::time_point::max();
  if (is_armed && !has_progress_) return;
  has_progress_ = false;
  since_moved_ = 0;
  arm(read_deadline_, shared_.options.read_timeout, &Connection::on_read_timeout);
}

void Connection::on_readable(error_code error) {
  reads_ = false;
  if (error) return lose();
  if (input_ == Input::watched) return watch();
  const std::size_t count = socket_.read_some(asio::buffer(shared_.received), error);
  if (error == asio::error::would_block) return want_input();
  if (error == asio::error::eof) return on_end_of_input();
  if (error) return lose();
  on_bytes({shared_.received.data(), count});
}

void Connection::on_bytes(std::string_view bytes) {
  if (input_ == Input::lingers) {
    lingered_ += bytes.size();
    return lingered_ > kLingerBytes ? abort() : want_input();
  }
  received_ += bytes;
  parse();
}

// The answer to what was complete before is still sent.
void Connection::on_end_of_input() {
  has_ended_input_ = true;
  switch (input_) {
    case Input::head:
      return refuse(400, "the connection ended within the head of the request");
    case Input::body:
      if (!is_streamed_) return refuse(400, "the connection ended within the body of the request");
      return cut_input();
    case Input::unwanted:
      closes_ = true;
      return finish_request();
    case Input::lingers:
      return output_.empty() ? abort() : watch_for_reset();
    default:
      return abort();
  }
}

void Connection::parse() {
  if (input_ == Input::idle) {
    // An empty line before a request is allowed (RFC 9112, 2.2).
    while (received_.starts_with("\r\n")) received_.erase(0, 2);
    if (received_.empty() || received_ == "\r") return want_input();
    begin_request();
  }
  if (input_ == Input::head && !parse_head()) return;
  if (input_ == Input::body || input_ == Input::unwanted) parse_body();
}

// The rest of a streamed body is lost, and the handler finds it truncated.
void Connection::cut_input() {
  input_ = Input::ended;
  closes_ = true;
  disarm(read_deadline_);
  exchange_->end_input(false);
  watch_for_reset();
}

// false if the bytes are no request. It is refused, unless its answer has begun: nothing may follow within
// that.
bool Connection::feed() {
  if (!received_.empty()) received_.erase(0, parser_->put(received_));
  const auto& refusal = parser_->refusal();
  if (refusal) has_started_answer_ ? cut_input() : refuse(refusal->status, refusal->message);
  return !refusal;
}

bool Connection::parse_head() {
  if (!feed()) return false;
  if (!parser_->has_head()) {
    want_input();
    return false;
  }
  route(parser_->take_head());
  return true;
}

void Connection::parse_body() {
  if (!parser_->is_complete() && !feed()) return;
  std::string bytes = parser_->take_body();
  if (input_ == Input::body && is_streamed_) {
    since_moved_ += bytes.size();
    has_progress_ = has_progress_ || since_moved_ >= kProgress || bytes.find('\n') != std::string::npos;
    exchange_->put_input(bytes);
  } else if (input_ == Input::body) {
    if (bytes.size() > max_body_ - body_.size()) return refuse_length();
    if (!body_share_.take(bytes.size())) return refuse_bodies();
    body_ += bytes;
  }
  parser_->is_complete() ? on_request_read() : want_input();
}

void Connection::on_request_read() {
  disarm(read_deadline_);
  const Input before = std::exchange(input_, Input::watched);
  if (before == Input::unwanted) return finish_request();
  is_streamed_ ? exchange_->end_input(true) : handle();
  if (input_ == Input::watched) want_input();
}

// The connection is readable while its request is computed. Its end can mean two things: the client has gone,
// or it has closed its own side only (shutdown(), `nc -N`) and waits. To tell them apart, an interim answer
// is sent, which HTTP/1.1 allows at any time before the answer: the system of a client that has gone answers
// by a reset, which on_reset() notices; the other client skips it. HTTP/1.0 has no interim answers: there the
// end of the input is that of the client, as it is for proxies, which speak 1.0 by default.
void Connection::watch() {
  char next = 0;
  const ssize_t count = ::recv(socket_.native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
  if (count < 0) return errno == EAGAIN || errno == EINTR ? want_input() : lose();
  if (count == 0) {
    has_ended_input_ = true;
    if (!has_started_answer_ && parser_->is_http_1_0()) return lose();
    if (!has_started_answer_) send(std::string(kContinue));
  }
  sees_next_request_ = count > 0;  // it hides the end, but no reset
  watch_for_reset();
}

void Connection::watch_for_reset() {
  if (watches_for_reset_ || is_closed_) return;
  watches_for_reset_ = true;
  socket_.async_wait(tcp::socket::wait_error, guarded(&Connection::on_reset));
}

void Connection::on_reset(error_code) {
  pollfd state{socket_.native_handle(), 0, 0};
  // Urgent data, which nobody reads, also ends the wait; then the end shows when the answer is sent.
  if (::poll(&state, 1, 0) == 1 && (state.revents & (POLLERR | POLLHUP)) != 0) lose();
}

void Connection::on_read_timeout() {
  if (input_ == Input::idle || input_ == Input::lingers) return abort();
  ++shared_.counts.timeouts;
  if (has_started_answer_) return abort();
  const std::string& name = shared_.options.read_timeout_name;
  const std::string limit =
      name.empty() ? "read_timeout, " + std::to_string(shared_.options.read_timeout.count()) + " ms" : name;
  refuse(408, shared_.drains ? "the server is shutting down, and the request has not arrived"
                             : "the request did not arrive within " + limit);
}

}  // namespace armorm::serve
