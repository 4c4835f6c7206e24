#include "support/loopback_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace armorm::test {
namespace {

constexpr std::size_t kMaxRequestBytes = 1 << 16;
constexpr int kMaxConnections = 1000;  // a client that never gives up ends a test
constexpr std::size_t kChunk = 1000;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

std::string read_head(int connection) {
  std::string text;
  char buffer[4096];
  while (text.find("\r\n\r\n") == std::string::npos && text.size() < kMaxRequestBytes) {
    const ssize_t count = ::recv(connection, buffer, sizeof(buffer), 0);
    if (count <= 0) return "";
    text.append(buffer, static_cast<std::size_t>(count));
  }
  return text;
}

HttpAsked parse(const std::string& head) {
  HttpAsked asked;
  std::size_t start = head.find("\r\n");
  const std::string first = head.substr(0, start);
  const std::size_t space = first.find(' ');
  asked.method = first.substr(0, space);
  asked.target = first.substr(space + 1, first.rfind(' ') - space - 1);
  for (start += 2; start < head.size();) {
    const std::size_t end = head.find("\r\n", start);
    const std::string line = head.substr(start, end - start);
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) break;
    asked.headers[lower(line.substr(0, colon))] = line.substr(colon + 2);
    start = end + 2;
  }
  return asked;
}

std::string chunks(const std::string& body) {
  std::string out;
  for (std::size_t start = 0; start < body.size(); start += kChunk) {
    const std::string part = body.substr(start, kChunk);
    char size[16];
    std::snprintf(size, sizeof(size), "%zx\r\n", part.size());
    out += size + part + "\r\n";
  }
  return out + "0\r\n\r\n";
}

std::string reply_head(const HttpReply& reply) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\nConnection: close\r\n";
  for (const auto& [name, value] : reply.headers) text += name + ": " + value + "\r\n";
  return text + (reply.chunked ? "Transfer-Encoding: chunked\r\n\r\n"
                               : "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n");
}

std::string sent_body(const HttpReply& reply) {
  const std::string body = reply.chunked ? chunks(reply.body) : reply.body;
  return body.substr(0, reply.cut_after.value_or(body.size()));
}

}  // namespace

std::string HttpAsked::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

LoopbackServer::LoopbackServer(Answer answer) : answer_(std::move(answer)) {
  ::setenv("no_proxy", "127.0.0.1,localhost", 1);  // a proxy could not reach this server
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (listener_ < 0 || ::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &size) != 0)
    throw std::runtime_error("no loopback server could be started");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

LoopbackServer::~LoopbackServer() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& connection : connections_) connection.join();
  ::close(listener_);
}

void LoopbackServer::accept_all() {
  for (int served = 0; !stopping_ && served < kMaxConnections;) {
    pollfd ready{listener_, POLLIN, 0};
    if (::poll(&ready, 1, 20) <= 0) continue;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    ++served;
    connections_.emplace_back([this, connection] { serve(connection); });
  }
}

void LoopbackServer::send_all(int connection, std::string_view text, std::chrono::milliseconds pause) {
  while (!text.empty() && !stopping_) {
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    const std::size_t size = pause.count() > 0 ? 1 : text.size();
    const ssize_t count = ::send(connection, text.data(), size, MSG_NOSIGNAL);
    if (count <= 0) return;
    sent_ += static_cast<std::size_t>(count);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

void LoopbackServer::serve(int connection) {
  const timeval limit{10, 0};
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  if (const std::string head = read_head(connection); !head.empty()) {
    const HttpAsked asked = parse(head);
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(asked);
    }
    const HttpReply reply = answer_(asked);
    send_all(connection, reply_head(reply), {});
    if (asked.method != "HEAD") send_all(connection, sent_body(reply), reply.pause);
  }
  ::shutdown(connection, SHUT_RDWR);
  ::close(connection);
}

std::string LoopbackServer::url(const std::string& host) const {
  return "http://" + host + ":" + std::to_string(port_);
}

std::vector<HttpAsked> LoopbackServer::asked() const {
  const std::lock_guard lock(mutex_);
  return asked_;
}

std::size_t LoopbackServer::count(const std::string& method, const std::string& target_end) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(asked_.begin(), asked_.end(), [&](const HttpAsked& asked) {
    return asked.method == method && asked.target.ends_with(target_end);
  }));
}

}  // namespace armorm::test
