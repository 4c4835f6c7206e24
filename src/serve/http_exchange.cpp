#include "serve/http_exchange.h"

#include <utility>

#include "serve/http_head.h"

namespace armorm::serve {
namespace {

constexpr std::size_t kMostUnsent = std::size_t{1} << 20;

}  // namespace

HttpExchange::~HttpExchange() {
  if (answered_) return;
  core_->post([connection = std::move(connection_)] {
    connection->write_answer(plain_error(500, "the request was dropped"), false);
  });
}

void HttpExchange::answer(HttpAnswer answer) {
  if (answered_.exchange(true)) return;
  core_->post([connection = connection_, answer = std::move(answer)]() mutable {
    connection->write_answer(std::move(answer), connection->keep_alive_ && connection->body_read_);
  });
}

void HttpExchange::begin(int status, std::string content_type) {
  if (answered_.exchange(true)) return;
  core_->post([connection = connection_, status, type = std::move(content_type)] {
    connection->begin_stream(status, type);
  });
}

bool HttpExchange::write(std::string piece) {
  if (piece.empty()) return !gone_;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return gone_ || unsent_ < kMostUnsent; });
    if (gone_) return false;
    unsent_ += piece.size();
  }
  core_->post([connection = connection_, piece = std::move(piece)]() mutable {
    connection->pieces_.push_back(std::move(piece));
    connection->write_next();
  });
  return true;
}

void HttpExchange::end() {
  core_->post([connection = connection_] {
    connection->ended_ = true;
    connection->write_next();
  });
}

std::string HttpExchange::read() {
  std::unique_lock lock(mutex_);
  if (!piece_ && !body_ended_ && !asked_ && !gone_) {
    asked_ = true;
    core_->post([connection = connection_] { connection->read_piece(); });
  }
  changed_.wait(lock, [this] { return gone_ || piece_ || body_ended_; });
  if (gone_ && !body_ended_) truncated_ = true;
  return std::exchange(piece_, std::nullopt).value_or("");
}

void HttpExchange::set_gone() {
  {
    const std::lock_guard lock(mutex_);
    gone_ = true;
  }
  changed_.notify_all();
}

void HttpExchange::give_piece(std::string piece) {
  {
    const std::lock_guard lock(mutex_);
    piece_ = std::move(piece);
    asked_ = false;
  }
  changed_.notify_all();
}

void HttpExchange::give_end_of_body(bool truncated) {
  truncated_ = truncated;
  {
    const std::lock_guard lock(mutex_);
    body_ended_ = true;
  }
  changed_.notify_all();
}

void HttpExchange::count_written(std::size_t bytes) {
  {
    const std::lock_guard lock(mutex_);
    unsent_ -= bytes;
  }
  changed_.notify_all();
}

}  // namespace armorm::serve
