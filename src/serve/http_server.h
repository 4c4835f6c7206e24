// An HTTP/1.1 server with limits: one thread reads and writes all connections, requests are answered from any
// thread. Knows nothing of rewards. Requests are parsed by Boost.Beast.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace armorm::serve {

struct HttpServerOptions {
  std::string host = "127.0.0.1";           // an address, or a name that resolves to one
  std::uint16_t port = 8000;                // 0 = any free one
  std::size_t max_connections = 1024;       // further ones get 503 and are closed
  std::size_t max_header_bytes = 16 << 10;  // 431 beyond it
  std::size_t max_body_bytes = 64 << 20;    // 413 beyond it; of streamed bodies, no limit
  // Of all bodies that are being read, or whose requests are being answered: 503 beyond it. Not of streams.
  std::size_t max_all_body_bytes = 256 << 20;
  std::chrono::milliseconds read_timeout{
      30'000};  // of a request's head and body, 408; of a streamed body, between its lines
  std::chrono::milliseconds write_timeout{
      30'000};                                     // of an answer that is not taken: the connection is closed
  std::chrono::milliseconds idle_timeout{60'000};  // between requests of a connection
  // What refusals name as the limit; empty = the member above and its value.
  std::string connections_name, body_name, read_timeout_name;
};

struct HttpHead {
  std::string method;                                        // "POST"
  std::string path;                                          // "/v1/score", decoded, without the query
  std::string query;                                         // what follows '?', as sent
  std::vector<std::pair<std::string, std::string>> headers;  // as sent, in order
  std::string peer;                                          // "127.0.0.1:40312"

  // Of the first header of this name, whatever its case; empty without one.
  std::string_view header(std::string_view name) const;
};

struct HttpAnswer {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// One request that waits for its answer. Thread-safe, shared by the server and whoever answers. Dropped
// without an answer: 500.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const HttpHead& head() const = 0;
  virtual const std::string& body() const = 0;  // complete; empty when it is streamed
  // The client has closed the connection, or it was closed by a timeout: nobody reads the answer.
  virtual bool disconnected() const = 0;
  // Once; then nothing more. Returns at once.
  virtual void answer(HttpAnswer answer) = 0;

  // In place of answer(): an answer in pieces (chunked).
  virtual void begin(int status, std::string content_type) = 0;
  // Takes the piece, and waits while more than 1 MiB is unsent. false once the client is gone, or when it has
  // not taken the answer within write_timeout. Not for the server's own thread.
  virtual bool write(std::string piece) = 0;
  virtual void end() = 0;

  // Of a streamed body: the next piece (at most 64 KiB), waiting for it; empty at the end, after a timeout
  // and when the client is gone (truncated() tells). Not for the server's own thread.
  virtual std::string read() = 0;
  virtual bool truncated() const = 0;  // the body ended before its end
};

// What to do with a request whose head was read.
struct HttpRoute {
  enum class Body { complete, streamed };
  Body body = Body::complete;
  // Called once on the server's thread, when the body is complete, or for streamed ones at once; must not
  // block. Exceptions are answered with 500.
  std::function<void(std::shared_ptr<Exchange>)> handle;
  // 413 beyond it, where it is less than HttpServerOptions::max_body_bytes.
  std::size_t max_body_bytes = SIZE_MAX;
  // In place of `handle`: an answer without reading the body (404, 401, 429).
  std::unique_ptr<HttpAnswer> refusal;
};

struct HttpCounts {
  std::int64_t connections = 0;  // open now
  std::int64_t accepted = 0;     // of all time, like those below
  std::int64_t refused_connections = 0;
  std::int64_t requests = 0;
  std::int64_t timeouts = 0;     // of reading and writing
  std::int64_t disconnects = 0;  // clients that left before their answer
};

class HttpServer {
 public:
  using Router = std::function<HttpRoute(const HttpHead& head)>;  // on the server's thread
  // Called on the server's thread for each answer that begins, those of the server's own too. `path` is empty
  // for what came before or without the head of a request.
  using Observer = std::function<void(const std::string& path, int status)>;

  // Listens at once. usage error for a host that has no address here, io error when the port is taken.
  HttpServer(HttpServerOptions options, Router router, Observer observer = {});
  ~HttpServer();  // closes all connections

  std::uint16_t port() const;
  std::string address() const;  // "127.0.0.1:8000", "[::1]:8000"
  HttpCounts counts() const;
  // Headers of every answer from now on, unless it has one of this name.
  void set_headers(std::vector<std::pair<std::string, std::string>> headers);

  // Accepts no further connections, answers what it has, and tells clients to close. true when all was
  // answered within `limit`. The port is free from then on. A request that has not arrived within five
  // seconds is not waited for.
  bool drain(std::chrono::milliseconds limit);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace armorm::serve
