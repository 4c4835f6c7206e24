// HTTP(S) requests with retries, for downloads. Proxies come from the environment (http_proxy, https_proxy,
// all_proxy, no_proxy), as libcurl reads it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace armorm::hub {

// Nobody reads the body of an error: it is passed over up to here, so that the connection can be used again,
// and then cut.
constexpr std::size_t kMaxErrorPage = std::size_t{1} << 20;

struct HttpOptions {
  std::string user_agent = "armorm";
  std::chrono::milliseconds connect_timeout{30'000};
  // A transfer slower than this for so long is aborted and retried.
  std::int64_t low_speed_bytes_per_second = 1024;
  std::chrono::seconds low_speed_time{60};
  int attempts = 6;                              // consecutive attempts without progress
  std::chrono::milliseconds first_delay{1'000};  // doubled each time, plus up to half of it at random
  std::chrono::milliseconds longest_delay{60'000};
  std::chrono::milliseconds longest_retry_after{600'000};  // Retry-After is honoured up to this
  std::function<void(std::chrono::milliseconds)> sleep;    // empty = std::this_thread::sleep_for
  // Polled during transfers and waits, by any thread; true ends them with an interrupted error. Empty =
  // never.
  std::function<bool()> stop_requested;
  // The bytes that a transfer at the lowest speed brings before it may be aborted: fewer are no progress.
  std::uint64_t least_progress() const {
    return static_cast<std::uint64_t>(low_speed_bytes_per_second * low_speed_time.count());
  }
  void check_stop(const std::string& what) const;  // `what` is for the message
};

struct HttpRequest {
  std::string url;  // http or https
  bool head = false;
  std::vector<std::pair<std::string, std::string>> headers;
  // Sent as "Authorization: Bearer" only to the scheme, host and port of `url`, never to another redirect
  // target.
  std::string bearer_token;
  // False: a redirect to another host is returned as the response and not followed.
  bool leave_origin = true;
};

struct HttpResponse {
  long status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  // "" when absent
  std::string header(const std::string& lower_case_name) const;
};

// Result of one attempt: a response, or `failure` as a text without secrets.
struct HttpOutcome {
  HttpResponse response;
  std::string failure;  // empty = a complete response arrived
  bool retryable = false;
  std::optional<std::chrono::milliseconds> retry_after;
};

// The body of a 2xx response. An exception thrown here ends the transfer and leaves send_once().
struct HttpSink {
  std::function<void(const HttpResponse&)> on_head;  // may be empty; called before the first byte
  std::function<void(std::span<const std::byte>)> on_body;
};

// One client keeps one connection. Not thread-safe.
class HttpClient {
 public:
  explicit HttpClient(HttpOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // One attempt, redirects included. Usage error for a URL that is not http or https.
  HttpOutcome send_once(const HttpRequest& request, const HttpSink& sink);
  // With retries. io error when no response arrives or the last one is 429 or 5xx; the caller handles other
  // statuses. The body of a 2xx is appended to `body` (may be null), data error above `limit` bytes.
  HttpResponse send(const HttpRequest& request, std::string* body, std::size_t limit);

  const HttpOptions& options() const noexcept { return options_; }

 private:
  struct Impl;
  HttpOptions options_;
  std::unique_ptr<Impl> impl_;
};

// Counts the attempts of one task and waits between them.
class HttpBackoff {
 public:
  explicit HttpBackoff(const HttpOptions& options) : options_(options) {}
  // Waits before the next attempt; returns false at once when none is left. `what` is for the log.
  bool wait(const HttpOutcome& outcome, const std::string& what);
  // New bytes arrived: restarts the count if they are enough.
  void progressed(std::uint64_t bytes) noexcept {
    if (bytes >= options_.least_progress()) failed_ = 0;
  }
  int failed() const noexcept { return failed_; }

 private:
  const HttpOptions& options_;
  int failed_ = 0;
};

// The URL without user, password, query and fragment, which can hold secrets; for messages.
std::string url_for_messages(const std::string& text);
// Escapes one path segment or parameter: all but letters, digits and -_.~ become %XX.
std::string url_escape(const std::string& text);

}  // namespace armorm::hub
