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
  void set_body(std::string body) { body_ = std::move(body); }  // before open()
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
