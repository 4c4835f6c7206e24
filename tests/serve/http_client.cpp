#include "serve/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

namespace armorm::test {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// Takes a line from the front. false if it has not come completely.
bool take_line(std::string_view& bytes, std::string& line) {
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return false;
  line = bytes.substr(0, end);
  bytes.remove_prefix(end + 2);
  return true;
}

bool take_head(std::string_view& bytes, RawAnswer& answer) {
  std::string line;
  if (!take_line(bytes, line)) return false;
  if (!line.starts_with("HTTP/1.1 ") || line.size() < 13) throw std::runtime_error("no status line: " + line);
  answer.status = std::stoi(line.substr(9, 3));
  while (take_line(bytes, line)) {
    if (line.empty()) return true;
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) throw std::runtime_error("no header: " + line);
    answer.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
  }
  return false;
}

bool take_chunks(std::string_view& bytes, std::string& body) {
  for (std::string line; take_line(bytes, line);) {
    const std::size_t size = std::stoul(line, nullptr, 16);
    if (bytes.size() < size + 2) return false;
    body += bytes.substr(0, size);
    if (bytes.substr(size, 2) != "\r\n") throw std::runtime_error("no end of a chunk");
    bytes.remove_prefix(size + 2);
    if (size == 0) return true;
  }
  return false;
}

bool take_body(std::string_view& bytes, RawAnswer& answer) {
  if (answer.header("transfer-encoding") == "chunked") return take_chunks(bytes, answer.body);
  const std::string length = answer.header("content-length");
  const std::size_t size = length.empty() ? bytes.size() : std::stoul(length);  // or up to the end
  answer.body = bytes.substr(0, size);
  bytes.remove_prefix(answer.body.size());
  return answer.body.size() == size;
}

}  // namespace

RawClient::RawClient(std::uint16_t port, int receive_buffer, bool is_ipv6)
    : socket_(::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval limit{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  const int on = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (receive_buffer > 0)
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  v6.sin6_addr = in6addr_loopback;
  const auto* address = is_ipv6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
  if (::connect(socket_, address, is_ipv6 ? sizeof(v6) : sizeof(v4)) != 0)
    throw std::runtime_error("cannot connect");
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

void RawClient::end() { ::shutdown(socket_, SHUT_WR); }

void RawClient::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void RawClient::reset() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  close();
}

std::string RawClient::read_some() {
  char buffer[1 << 16];
  const ssize_t count = ::recv(socket_, buffer, sizeof(buffer), 0);
  return count > 0 ? std::string(buffer, static_cast<std::size_t>(count)) : "";
}

std::string RawClient::read_all() {
  std::string all;
  for (std::string part = read_some(); !part.empty(); part = read_some()) all += part;
  return all;
}

bool RawClient::is_closed_by_server() {
  char byte = 0;
  const ssize_t count = ::recv(socket_, &byte, 1, 0);
  return count == 0 || (count < 0 && errno == ECONNRESET);
}

std::string RawAnswer::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

RawAnswer take_answer(std::string_view& bytes, bool is_head) {
  RawAnswer answer;
  if (!take_head(bytes, answer)) return answer;
  const bool has_body = answer.status >= 200 && answer.status != 204 && !is_head;
  answer.is_complete = !has_body || take_body(bytes, answer);
  return answer;
}

std::vector<RawAnswer> answers_in(std::string_view bytes, bool is_head) {
  std::vector<RawAnswer> answers;
  while (!bytes.empty()) {
    answers.push_back(take_answer(bytes, is_head));
    if (!answers.back().is_complete) break;
  }
  return answers;
}

std::vector<RawAnswer> read_answers(RawClient& client, std::size_t count, bool is_head) {
  std::string bytes;
  for (;;) {
    const std::string part = client.read_some();
    bytes += part;
    std::vector<RawAnswer> answers = answers_in(bytes, is_head);
    const auto final_ones = std::count_if(answers.begin(), answers.end(), [](const RawAnswer& answer) {
      return answer.is_complete && answer.status >= 200;
    });
    if (part.empty() || static_cast<std::size_t>(final_ones) >= count) return answers;
  }
}

RawAnswer ask(RawClient& client, std::string_view request) {
  client.send(request);
  const std::vector<RawAnswer> answers = read_answers(client, 1);
  return answers.empty() ? RawAnswer{} : answers.back();
}

}  // namespace armorm::test
