#include <fmt/core.h>

#include <algorithm>
#include <random>
#include <thread>

#include "core/error.h"
#include "core/log.h"
#include "hub/http.h"

namespace armorm::hub {
namespace {

using std::chrono::milliseconds;

std::string what_failed(const HttpOutcome& outcome) {
  return outcome.failure.empty() ? fmt::format("the server answered {}", outcome.response.status)
                                 : outcome.failure;
}

// A failure already begins with the address if that differs from `what`.
std::string described(const std::string& what, const HttpOutcome& outcome) {
  const std::string failed = what_failed(outcome);
  return failed.starts_with(what) ? failed : what + ": " + failed;
}

// Sleeps in slices, so that a stop request is noticed soon.
void sleep_for(const HttpOptions& options, milliseconds delay, const std::string& what) {
  constexpr milliseconds kSlice{100};
  for (milliseconds slept{0}; slept < delay; slept += kSlice) {
    options.check_stop(what);
    std::this_thread::sleep_for(std::min(kSlice, delay - slept));
  }
}

milliseconds delay_of(const HttpOptions& options, int failed) {
  milliseconds delay = options.first_delay;
  for (int i = 1; i < failed && delay < options.longest_delay; ++i) delay *= 2;
  delay = std::min(delay, options.longest_delay);
  // Random jitter: clients that failed together should not retry together. It affects no result.
  std::random_device device;
  std::uniform_int_distribution<milliseconds::rep> jitter(0, delay.count() / 2);
  return delay + milliseconds(jitter(device));
}

}  // namespace

bool HttpBackoff::wait(const HttpOutcome& outcome, const std::string& what) {
  if (++failed_ >= options_.attempts) return false;
  milliseconds delay = delay_of(options_, failed_);
  if (outcome.retry_after) delay = std::min(*outcome.retry_after, options_.longest_retry_after);
  log::warn("{}; trying again in {:.1f} s (attempt {} of {})", described(what, outcome),
            static_cast<double>(delay.count()) / 1000.0, failed_ + 1, options_.attempts);
  if (options_.sleep) {
    options_.sleep(delay);
  } else {
    sleep_for(options_, delay, what);
  }
  options_.check_stop(what);
  return true;
}

HttpResponse HttpClient::send(const HttpRequest& request, std::string* body, std::size_t limit) {
  const std::string what = url_for_messages(request.url);
  HttpBackoff backoff(options_);
  for (;;) {
    std::string received;
    const HttpSink sink{{}, [&](std::span<const std::byte> bytes) {
                          if (bytes.size() > limit - received.size())
                            fail_data("{}: the response is larger than the {} bytes allowed here", what,
                                      limit);
                          received.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                        }};
    HttpOutcome outcome = send_once(request, sink);
    if (outcome.failure.empty() && !outcome.retryable) {
      if (body != nullptr) *body += received;
      return std::move(outcome.response);
    }
    if (outcome.retryable && backoff.wait(outcome, what)) continue;
    fail_io(
        "{} (after {} attempts); check the network, the proxy and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to "
        "use "
        "the cache alone",
        described(what, outcome), std::max(1, backoff.failed()));
  }
}

}  // namespace armorm::hub
