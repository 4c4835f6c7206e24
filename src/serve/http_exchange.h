// The state of one request and its answer, between the server's thread and those who answer.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "serve/http_server.h"

namespace armorm::serve {

constexpr std::size_t kPieceBytes = 64 << 10;            // largest piece that Exchange::read() returns
constexpr std::size_t kWaitingInputBytes = 256 << 10;    // beyond it the socket is not read
constexpr std::size_t kWaitingOutputBytes = 1024 << 10;  // beyond it Exchange::write() waits

// The bytes of all complete bodies in memory. Thread-safe.
class BodyBudget {
 public:
  explicit BodyBudget(std::size_t most) : most_(most) {}
  bool take(std::size_t bytes) {
    std::size_t used = used_;
    do {
      if (bytes > most_ - used) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes));
    return true;
  }
  bool fits(std::size_t bytes) const { return bytes <= most_ - used_; }
  void give(std::size_t bytes) { used_ -= bytes; }
  std::size_t most() const { return most_; }
  std::size_t used() const { return used_; }

 private:
  const std::size_t most_;
  std::atomic<std::size_t> used_ = 0;
};

// What one body has of the budget, given back at the end.
class BodyShare {
 public:
  BodyShare() = default;
  explicit BodyShare(std::shared_ptr<BodyBudget> budget) : budget_(std::move(budget)) {}
  BodyShare(BodyShare&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  BodyShare& operator=(BodyShare&& other) noexcept {
    std::swap(budget_, other.budget_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~BodyShare() {
    if (budget_) budget_->give(bytes_);
  }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;

  bool take(std::size_t bytes) {
    if (!budget_->take(bytes)) return false;
    bytes_ += bytes;
    return true;
  }

 private:
  std::shared_ptr<BodyBudget> budget_;
  std::size_t bytes_ = 0;
};

// Thread-safe. The server's thread uses it directly, others through the Exchange of open().
class ExchangeState : public std::enable_shared_from_this<ExchangeState> {
 public:
  struct Start {
    int status;
    std::string content_type;
  };
  // What the answering side has produced since the last time.
  struct Output {
    std::optional<HttpAnswer> answer;
    std::optional<Start> start;
    std::string piece;
    bool ended = false;
    bool dropped = false;  // nobody is left who could answer
  };

  // `wake` has the server's thread call acknowledge() and take_output(); it is called from any thread.
  ExchangeState(HttpHead head, std::function<void()> wake);

  // The only handle of the answering side. Its last copy counts as a drop if there is no answer.
  std::shared_ptr<Exchange> open();

  // For the server's thread.
  void acknowledge();
  Output take_output();
  void set_body(std::string body, BodyShare share) {  // before open()
    body_ = std::move(body);
    share_ = std::move(share);
  }
  void put_input(std::string_view bytes);
  void end_input(bool complete);
  bool wants_input() const;
  void abandon();  // the client is gone; wakes all who wait

  // For the answering side; see Exchange.
  const HttpHead& head() const { return head_; }
  const std::string& body() const { return body_; }
  bool disconnected() const { return gone_; }
  void answer(HttpAnswer answer);
  void begin(int status, std::string content_type);
  bool write(std::string piece);
  void end();
  void drop();
  std::string read();
  bool truncated() const;

 private:
  void wake(std::unique_lock<std::mutex> lock);
  bool claim(const char* action);

  const HttpHead head_;
  const std::function<void()> wake_;
  std::string body_;
  BodyShare share_;
  std::atomic<bool> gone_ = false;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> input_;
  std::size_t input_bytes_ = 0;
  bool input_ended_ = false;
  bool truncated_ = false;
  Output output_;
  bool answered_ = false;  // answer() or begin() was called
  bool streams_ = false;
  bool woken_ = false;  // a wake is on its way
};

}  // namespace armorm::serve
