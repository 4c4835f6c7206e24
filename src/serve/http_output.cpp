// A connection's answers: from the exchange to the socket.
#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <utility>

#include "serve/http_connection.h"
#include "serve/http_head.h"

namespace armorm::serve {
namespace {

constexpr std::size_t kWriteBytes = 64 << 10;  // within write_timeout

}  // namespace

// There is something to send, or room for more of the body.
void Connection::on_wake() {
  if (!exchange_) return;
  exchange_->acknowledge();
  answer_pending();
  finish_request();
  if (!is_closed_ && input_ == Input::body && is_streamed_) want_input();
}

// Takes from the exchange only when all before was sent: what waits there is what write() counts.
void Connection::answer_pending() {
  if (!exchange_ || has_answered_ || !output_.empty()) return;
  ExchangeState::Output output = exchange_->take_output();
  if (has_started_answer_ || output.start) return stream(std::move(output));
  if (output.dropped && !output.answer) output.answer = plain_error(500, "internal error");
  if (!output.answer) return;
  has_started_answer_ = has_answered_ = true;
  closes_ = closes_ || input_ == Input::body;  // of which nobody reads the rest
  note_answer(output.answer->status);
  send(encode_answer(*output.answer, framing()));
}

void Connection::stream(ExchangeState::Output output) {
  const bool is_chunked = !parser_->is_http_1_0();
  std::string bytes;
  if (output.start) {
    has_started_answer_ = true;
    note_answer(output.start->status);
    closes_ = closes_ || !is_chunked;
    bytes = encode_start(output.start->status, output.start->content_type, framing());
  }
  const bool has_body = !is_head_request_;
  if (has_body && !output.piece.empty()) bytes += is_chunked ? encode_chunk(output.piece) : output.piece;
  if (has_body && output.ended && is_chunked) bytes += kLastChunk;
  has_answered_ = output.ended;
  if (!output.ended && output.dropped) return abort();  // the client sees that the end is missing
  if (!bytes.empty()) send(std::move(bytes));
}

// Also decides whether the connection stays open after this answer.
AnswerFraming Connection::framing() {
  closes_ = closes_ || shared_.drains || (has_ended_input_ && received_.empty());
  if (parser_ == nullptr) return {.closes = closes_, .headers = &shared_.headers};
  return {parser_->is_http_1_0(), is_head_request_, closes_, &shared_.headers};
}

void Connection::send(std::string bytes) {
  output_.push_back(std::move(bytes));
  if (!writes_) {
    since_armed_ = 0;
    arm(write_deadline_, shared_.options.write_timeout, &Connection::on_write_timeout);
    write();
  }
}

void Connection::write() {
  writes_ = true;
  const std::string& first = output_.front();
  const std::size_t count = std::min(first.size() - written_, kWriteBytes);
  socket_.async_write_some(boost::asio::buffer(first.data() + written_, count),
                           guarded(&Connection::on_written));
}

void Connection::on_written(error_code error, std::size_t count) {
  writes_ = false;
  if (error) return lose();
  written_ += count;
  since_armed_ += count;
  if (written_ == output_.front().size()) {
    output_.pop_front();
    written_ = 0;
  }
  if (output_.empty()) {
    disarm(write_deadline_);
    answer_pending();
    return finish_request();
  }
  if (since_armed_ >= kWriteBytes) {
    since_armed_ = 0;
    arm(write_deadline_, shared_.options.write_timeout, &Connection::on_write_timeout);
  }
  write();
}

void Connection::on_write_timeout() {
  ++shared_.counts.timeouts;
  abort();
}

}  // namespace armorm::serve
