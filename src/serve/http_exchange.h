// The exchange of a connection: what is shared between the server's thread and whoever answers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "serve/http_connection.h"
#include "serve/http_server.h"

namespace armorm::serve {

class HttpExchange : public Exchange, public std::enable_shared_from_this<HttpExchange> {
 public:
  HttpExchange(std::shared_ptr<HttpCore> core, std::shared_ptr<HttpConnection> connection, HttpHead head,
               std::string body)
      : core_(std::move(core)),
        connection_(std::move(connection)),
        head_(std::move(head)),
        body_(std::move(body)) {}
  ~HttpExchange() override;

  const HttpHead& head() const override { return head_; }
  const std::string& body() const override { return body_; }
  bool disconnected() const override { return gone_; }
  void answer(HttpAnswer answer) override;
  void begin(int status, std::string content_type) override;
  bool write(std::string piece) override;
  void end() override;
  std::string read() override;
  bool truncated() const override { return truncated_; }

  // By the connection, on the server's thread.
  void set_gone();
  void give_piece(std::string piece);  // empty: the body has ended
  void give_end_of_body(bool truncated);
  void count_written(std::size_t bytes);

 private:
  std::shared_ptr<HttpCore> core_;
  std::shared_ptr<HttpConnection> connection_;
  HttpHead head_;
  std::string body_;
  std::atomic<bool> gone_ = false;
  std::atomic<bool> answered_ = false;
  std::atomic<bool> truncated_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> piece_;  // guarded by mutex_, like the members below
  bool body_ended_ = false;
  bool asked_ = false;      // a piece is being read
  std::size_t unsent_ = 0;  // bytes of pieces that wait to be sent
};

}  // namespace armorm::serve
