#include "serve/http_exchange.h"

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace armorm::serve {
namespace {

class Handle final : public Exchange {
 public:
  explicit Handle(std::shared_ptr<ExchangeState> state) : state_(std::move(state)) {}
  ~Handle() override { state_->drop(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  const HttpHead& head() const override { return state_->head(); }
  const std::string& body() const override { return state_->body(); }
  bool disconnected() const override { return state_->disconnected(); }
  void answer(HttpAnswer answer) override { state_->answer(std::move(answer)); }
  void begin(int status, std::string content_type) override {
    state_->begin(status, std::move(content_type));
  }
  bool write(std::string piece) override { return state_->write(std::move(piece)); }
  void end() override { state_->end(); }
  std::string read() override { return state_->read(); }
  bool truncated() const override { return state_->truncated(); }

 private:
  std::shared_ptr<ExchangeState> state_;
};

}  // namespace

ExchangeState::ExchangeState(HttpHead head, std::function<void()> wake)
    : head_(std::move(head)), wake_(std::move(wake)) {}

std::shared_ptr<Exchange> ExchangeState::open() { return std::make_shared<Handle>(shared_from_this()); }

// The server's thread looks once, however much has happened since it looked last.
void ExchangeState::wake(std::unique_lock<std::mutex> lock) {
  const bool is_first = !std::exchange(woken_, true);
  lock.unlock();
  if (is_first) wake_();
}

void ExchangeState::acknowledge() {
  const std::lock_guard lock(mutex_);
  woken_ = false;
}

ExchangeState::Output ExchangeState::take_output() {
  const std::lock_guard lock(mutex_);
  Output taken = std::exchange(output_, {});
  output_.ended = taken.ended;
  output_.dropped = taken.dropped;
  changed_.notify_all();
  return taken;
}

void ExchangeState::put_input(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  input_bytes_ += bytes.size();
  while (!bytes.empty()) {
    if (input_.empty() || input_.back().size() == kPieceBytes) input_.emplace_back();
    const std::size_t count = std::min(bytes.size(), kPieceBytes - input_.back().size());
    input_.back().append(bytes.substr(0, count));
    bytes.remove_prefix(count);
  }
  changed_.notify_all();
}

void ExchangeState::end_input(bool complete) {
  const std::lock_guard lock(mutex_);
  input_ended_ = true;
  truncated_ = !complete;
  changed_.notify_all();
}

bool ExchangeState::wants_input() const {
  const std::lock_guard lock(mutex_);
  return input_bytes_ < kWaitingInputBytes;
}

void ExchangeState::abandon() {
  const std::lock_guard lock(mutex_);
  gone_ = true;
  truncated_ = truncated_ || !input_ended_;
  changed_.notify_all();
}

// Under the mutex. false, and a line of the log, if the exchange has its answer already.
bool ExchangeState::claim(const char* action) {
  if (!std::exchange(answered_, true)) return true;
  log::error("HTTP server: internal error: {} of a request that is answered already", action);
  return false;
}

void ExchangeState::answer(HttpAnswer answer) {
  std::unique_lock lock(mutex_);
  if (!claim("answer()")) return;
  output_.answer = std::move(answer);
  wake(std::move(lock));
}

void ExchangeState::begin(int status, std::string content_type) {
  std::unique_lock lock(mutex_);
  if (!claim("begin()")) return;
  streams_ = true;
  output_.start = Start{status, std::move(content_type)};
  wake(std::move(lock));
}

// By value, as the interface has it.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
bool ExchangeState::write(std::string piece) {
  std::unique_lock lock(mutex_);
  if (gone_ || !streams_ || output_.ended) return false;
  if (piece.empty()) return true;
  output_.piece += piece;
  wake(std::move(lock));
  lock = std::unique_lock(mutex_);
  changed_.wait(lock, [this] { return gone_ || output_.piece.size() <= kWaitingOutputBytes; });
  return !gone_;
}

void ExchangeState::end() {
  std::unique_lock lock(mutex_);
  if (!streams_ || output_.ended) return;
  output_.ended = true;
  wake(std::move(lock));
}

void ExchangeState::drop() {
  std::unique_lock lock(mutex_);
  output_.dropped = true;
  wake(std::move(lock));
}

std::string ExchangeState::read() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return gone_ || input_ended_ || !input_.empty(); });
  if (gone_ || input_.empty()) return "";
  std::string piece = std::move(input_.front());
  input_.pop_front();
  const bool was_full = input_bytes_ >= kWaitingInputBytes;
  input_bytes_ -= piece.size();
  if (was_full && input_bytes_ < kWaitingInputBytes) wake(std::move(lock));
  return piece;
}

bool ExchangeState::truncated() const {
  const std::lock_guard lock(mutex_);
  return truncated_;
}

}  // namespace armorm::serve
