// A small HTTP/1.1 server on 127.0.0.1 at a free port, for tests of clients. It gives scripted answers and
// records the requests.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace armorm::test {

struct HttpAsked {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // names in lower case

  std::string header(const std::string& name) const;  // "" when there is none
};

struct HttpReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::optional<std::size_t> cut_after = {};  // ends the connection after this many bytes of the body
  bool chunked = false;
  std::chrono::milliseconds pause{0};  // before every single byte of the body; 0 = all at once
};

// Thread-safe; one thread per connection calls `answer`. Every connection carries one request.
class LoopbackServer {
 public:
  using Answer = std::function<HttpReply(const HttpAsked&)>;
  explicit LoopbackServer(Answer answer);
  ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  // "http://127.0.0.1:<port>", or the same port by another name of this machine.
  std::string url(const std::string& host = "127.0.0.1") const;
  std::vector<HttpAsked> asked() const;
  // Number of requests with this method and a target that ends in this text.
  std::size_t count(const std::string& method, const std::string& target_end) const;
  std::size_t sent() const { return sent_; }  // bytes that connections took

 private:
  void accept_all();
  void serve(int connection);
  void send_all(int connection, std::string_view text, std::chrono::milliseconds pause);
  Answer answer_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::size_t> sent_ = 0;
  mutable std::mutex mutex_;
  std::vector<HttpAsked> asked_;
  std::vector<std::thread> connections_;
  std::thread acceptor_;
};

}  // namespace armorm::test
