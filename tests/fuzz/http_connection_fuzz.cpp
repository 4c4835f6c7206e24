// A connection of the HTTP server: what a client sends, in pieces, on a real socket. The first byte says how
// it is sent and how the connection ends.
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "fuzz/driver.h"
#include "serve/http_client.h"
#include "serve/http_server.h"

namespace armorm::fuzz {

// Answers of /echo repeat the request, and every piece of a streamed body is an answer's piece.
const MemoryBound kMemoryBound{64, 4 << 20};

namespace {

using serve::Exchange;
using serve::HttpHead;
using serve::HttpRoute;
using ExchangePtr = std::shared_ptr<Exchange>;

constexpr std::size_t kMaxHeaderBytes = 512;
constexpr std::size_t kMaxBodyBytes = 256;

// The thread that answers streamed bodies. Lives until the process ends.
class Streamer {
 public:
  Streamer() {
    std::thread([this] { run(); }).detach();
  }
  void put(ExchangePtr exchange) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(exchange));
    ++unfinished_;
    filled_.notify_one();
  }
  bool is_idle() const { return unfinished_ == 0; }

 private:
  void run() {
    for (;;) {
      std::unique_lock lock(mutex_);
      filled_.wait(lock, [this] { return !waiting_.empty(); });
      const ExchangePtr exchange = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      repeat(*exchange);
      --unfinished_;
    }
  }
  static void repeat(Exchange& exchange) {
    exchange.begin(200, "application/x-ndjson");
    for (std::string piece = exchange.read(); !piece.empty(); piece = exchange.read())
      if (!exchange.write(std::move(piece))) return;
    exchange.truncated() ? note_truncated() : exchange.end();
  }

  static void note_truncated();

  std::mutex mutex_;
  std::condition_variable filled_;
  std::deque<ExchangePtr> waiting_;
  std::atomic<int> unfinished_ = 0;
};

Streamer& streamer() {
  static auto& instance = *new Streamer;
  return instance;
}

// What the server has understood of one connection.
struct Seen {
  std::mutex mutex;
  std::vector<std::string> methods;  // of each request that came to the router, in order
  bool is_truncated = false;         // a streamed body has no end, and so has its answer
};
Seen& seen() {
  static Seen instance;
  return instance;
}

void Streamer::note_truncated() {
  const std::lock_guard lock(seen().mutex);
  seen().is_truncated = true;
}

void check_head(const HttpHead& head) {
  require(!head.method.empty() && !head.path.empty(), "a request without method or path");
  std::size_t bytes = head.path.size();
  for (const auto& [name, value] : head.headers) {
    require(!name.empty(), "a header without a name");
    require(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos,
            "a header of several lines");
    bytes += name.size() + value.size();
  }
  require(bytes <= kMaxHeaderBytes, "a head beyond the limit");
}

void echo(const ExchangePtr& exchange) {
  const std::string& body = exchange->body();
  require(body.size() <= kMaxBodyBytes, "a body beyond the limit");
  const std::string_view length = exchange->head().header("content-length");
  if (!length.empty())
    require(std::to_string(body.size()).size() <= length.size(), "a body of another length");
  exchange->answer({200, "application/octet-stream", body});
}

HttpRoute route(const HttpHead& head) {
  check_head(head);
  {
    const std::lock_guard lock(seen().mutex);
    seen().methods.push_back(head.method);
  }
  HttpRoute route;
  if (head.path == "/refused") {
    route.refusal = std::make_unique<serve::HttpAnswer>(serve::HttpAnswer{404, "text/plain", "no"});
  } else if (head.path == "/stream") {
    route.body = HttpRoute::Body::streamed;
    route.handle = [](ExchangePtr exchange) { streamer().put(std::move(exchange)); };
  } else {
    route.handle = echo;
  }
  return route;
}

serve::HttpServer& server() {
  static auto& instance = *new serve::HttpServer(
      {.port = 0, .max_header_bytes = kMaxHeaderBytes, .max_body_bytes = kMaxBodyBytes}, route);
  return instance;
}

// Each answer is complete, and belongs to a request; only the last one may be to bytes that did not reach the
// router. Whether it has a body depends on a method that only the server knows.
void check_answers(std::string_view bytes) {
  const std::lock_guard lock(seen().mutex);
  const std::vector<std::string>& methods = seen().methods;
  for (std::size_t final_answers = 0; !bytes.empty();) {
    const bool is_known = final_answers < methods.size();
    const auto answer = test::take_answer(bytes, is_known && methods[final_answers] == "HEAD");
    require(answer.status >= 100 && answer.status < 600, "no status");
    const bool is_cut = bytes.empty() && (seen().is_truncated || (!is_known && answer.body.empty()));
    require(answer.is_complete || is_cut, "an answer without its end");
    if (answer.status >= 200) ++final_answers;
    if (is_known || answer.status < 200) continue;
    require(answer.status >= 400, "an answer that nobody asked for");
    require(bytes.empty(), "an answer after the last one");
  }
}

}  // namespace

void read_input(std::string_view input) {
  static const std::uint16_t port = server().port();
  if (input.empty()) return;
  const auto how = static_cast<unsigned char>(input[0]);
  input.remove_prefix(1);
  {
    const std::lock_guard lock(seen().mutex);
    seen().methods.clear();
    seen().is_truncated = false;
  }
  const std::int64_t accepted_before = server().counts().accepted;
  test::RawClient client(port);
  const std::size_t piece = how % 8 == 0 ? input.size() : input.size() / (how % 8) + 1;
  for (std::string_view rest = input; !rest.empty(); rest.remove_prefix(std::min(piece, rest.size())))
    if (!client.send(rest.substr(0, piece))) break;
  if ((how & 8) != 0) {
    client.reset();  // without reading
  } else {
    client.end();
    const std::string answers = client.read_all();
    client.reset();  // no port is kept waiting
    check_answers(answers);
  }
  // A connection is accepted, and its bytes are read, even after its reset.
  while (server().counts().accepted == accepted_before) sched_yield();
  while (server().counts().connections > 0 || !streamer().is_idle()) sched_yield();
}

}  // namespace armorm::fuzz
