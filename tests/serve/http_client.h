// Clients of the tests' own: raw bytes over a socket, and the answers in them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace armorm::test {

// A connection to 127.0.0.1, or to ::1. Reads give up after ten seconds.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, int receive_buffer = 0, bool is_ipv6 = false);
  ~RawClient() { close(); }
  RawClient(RawClient&& other) noexcept : socket_(std::exchange(other.socket_, -1)) {}
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  bool send(std::string_view bytes);  // false if the server has closed
  void end();                         // closes this side only
  void close();
  void reset();                // closes with RST
  std::string read_some();     // "" at the end, and after ten seconds
  std::string read_all();      // up to the end of the connection
  bool is_closed_by_server();  // within ten seconds, without a further byte

 private:
  int socket_ = -1;
};

struct RawAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool is_complete = false;

  std::string header(const std::string& name) const;
};

// Removes the first answer from the front, or all bytes if it is incomplete. `is_head`: to HEAD, without a
// body. Throws for what is no answer.
RawAnswer take_answer(std::string_view& bytes, bool is_head = false);
// The answers in these bytes, in order, interim ones too.
std::vector<RawAnswer> answers_in(std::string_view bytes, bool is_head = false);

// Reads until `count` final answers are complete, or the connection ends.
std::vector<RawAnswer> read_answers(RawClient& client, std::size_t count, bool is_head = false);
// Sends a request and reads its answer.
RawAnswer ask(RawClient& client, std::string_view request);

// Waits up to ten seconds.
template <class Condition>
bool eventually(const Condition& holds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace armorm::test
