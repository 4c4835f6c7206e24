// One connection: its requests one after another, each with its limits, and their answers.
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/http_answer.h"
#include "serve/http_exchange.h"
#include "serve/http_parser.h"
#include "serve/http_server.h"

namespace armorm::serve {

class Connection;

// For requests that have not arrived completely when the server drains.
constexpr std::chrono::seconds kDrainReadTime{5};

// Runs functions on the server's thread. Outlives the server: what is posted after close() is dropped.
class Mailbox {
 public:
  explicit Mailbox(boost::asio::io_context& io) : io_(&io) {}
  void post(std::function<void()> work);
  void close();

 private:
  std::mutex mutex_;
  boost::asio::io_context* io_;
};

// What the connections of a server share. The server's thread alone uses it, except for the counts.
struct HttpShared {
  struct Counts {
    std::atomic<std::int64_t> connections = 0, accepted = 0, refused_connections = 0, requests = 0,
                              timeouts = 0, disconnects = 0;
  };
  HttpShared(HttpServerOptions limits, HttpServer::Router routes, HttpServer::Observer observer,
             boost::asio::io_context& io)
      : options(std::move(limits)),
        router(std::move(routes)),
        on_answer(std::move(observer)),
        mailbox(std::make_shared<Mailbox>(io)),
        bodies(std::make_shared<BodyBudget>(options.max_all_body_bytes)) {}
  const HttpServerOptions options;
  const HttpServer::Router router;
  const HttpServer::Observer on_answer;  // may be empty
  const std::shared_ptr<Mailbox> mailbox;
  const std::shared_ptr<BodyBudget> bodies;
  std::vector<std::pair<std::string, std::string>> headers;  // of every answer
  Counts counts;
  std::set<std::shared_ptr<Connection>> open;
  std::size_t turned_away = 0;              // of `open`: those beyond max_connections, which get 503
  bool drains = false;                      // no connection gets a further request
  std::function<void()> on_change = [] {};  // a connection ended, or has no more to answer
  std::array<char, std::size_t{64} << 10> received = {};  // of one read, by any connection
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `shared` outlives the connection.
  Connection(boost::asio::ip::tcp::socket socket, HttpShared& shared);

  void start();
  void turn_away();  // 503: there are too many
  void close_if_idle();
  void limit_reading(std::chrono::milliseconds most);  // of a request that has not arrived completely
  void abort();                                        // closes it now
  // Has a request that is not answered completely, or waits for one.
  bool is_working() const { return !is_turned_away_ && (input_ != Input::lingers || !output_.empty()); }

 private:
  // What the next bytes of the client are for.
  enum class Input {
    idle,      // a new request
    head,      // the head of the request
    body,      // its body, for a handler
    unwanted,  // its body, for nobody: the request is refused, and small
    watched,   // nothing: the request is complete, and the connection is watched for its end
    ended,     // nothing: the client has ended its side within a streamed body
    lingers,   // nothing: the last answer is sent, and the client is given time to read it
  };
  using error_code = boost::system::error_code;

  // Input (http_connection.cpp)
  void want_input();
  void move_deadline();
  void on_readable(error_code error);
  void on_bytes(std::string_view bytes);
  void on_end_of_input();
  void parse();
  bool feed();
  void cut_input();
  bool parse_head();
  void parse_body();
  void on_request_read();
  void watch();
  void watch_for_reset();
  void on_reset(error_code error);
  void on_read_timeout();

  // Requests (http_request.cpp)
  void begin_request();
  void route(HttpHead head);
  void accept_request(HttpHead head, const HttpRoute& route);
  std::function<void()> waker();
  void handle();
  void refuse(int status, std::string_view message);
  void refuse(const HttpAnswer& answer);
  void note_answer(int status);
  void refuse_unread(const HttpAnswer& answer, bool client_waits);
  void refuse_length();
  void refuse_bodies();
  void finish_request();
  void next_request();
  void linger();
  void lose();
  void fail(const char* what) noexcept;

  // Output (http_output.cpp)
  void on_wake();
  void answer_pending();
  void stream(ExchangeState::Output output);
  void send(std::string bytes);
  void write();
  void on_written(error_code error, std::size_t count);
  void on_write_timeout();
  AnswerFraming framing();

  // A deadline that can be moved; `expired` is called on the server's thread once it has passed.
  struct Deadline {
    explicit Deadline(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    std::chrono::steady_clock::time_point time = std::chrono::steady_clock::time_point::max();
  };
  void arm(Deadline& deadline, std::chrono::milliseconds after, void (Connection::*expired)());
  static void disarm(Deadline& deadline);
  // A handler that keeps the connection, and that no exception leaves.
  template <class... Args>
  auto guarded(void (Connection::*step)(Args...)) {
    return [self = shared_from_this(), step](Args... args) {
      try {
        if (!self->is_closed_) (self.get()->*step)(args...);
      } catch (const std::exception& error) {
        self->fail(error.what());
      }
    };
  }

  boost::asio::ip::tcp::socket socket_;
  HttpShared& shared_;
  std::string peer_;
  Deadline read_deadline_;
  Deadline write_deadline_;
  bool is_closed_ = false;
  bool is_turned_away_ = false;
  bool closes_ = false;           // after the answer to this request
  bool has_ended_input_ = false;  // the client has closed its side, or all of the connection

  Input input_ = Input::idle;
  bool reads_ = false;              // waits for the socket to be readable
  bool sees_next_request_ = false;  // behind this one
  bool watches_for_reset_ = false;
  std::string received_;  // and not parsed yet
  std::unique_ptr<RequestParser> parser_;

  std::shared_ptr<ExchangeState> exchange_;  // once the request has a handler
  std::function<void(std::shared_ptr<Exchange>)> handler_;
  bool is_streamed_ = false;
  std::string path_;  // of the request; empty before its head was read
  std::string body_;
  std::size_t max_body_ = 0;
  BodyShare body_share_;
  bool has_progress_ = false;    // of a streamed body: a line, or much of one
  std::size_t since_moved_ = 0;  // bytes of a streamed body since its deadline was moved
  std::size_t lingered_ = 0;     // bytes that were dropped
  bool is_head_request_ = false;
  bool has_started_answer_ = false;
  bool has_answered_ = false;  // all of the answer was given to send()

  bool writes_ = false;
  std::deque<std::string> output_;
  std::size_t written_ = 0;      // of the first
  std::size_t since_armed_ = 0;  // bytes
};

}  // namespace armorm::serve
