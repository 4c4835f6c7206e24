// One request with a complete body: parsed, encoded, queued as rows, and answered when its last row is
// scored.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include "serve/http_server.h"
#include "serve/protocol.h"
#include "stages/serving/score_queue.h"

namespace armorm::stages::serving {

// What requests need of the server. Thread-safe.
struct RequestContext {
  const serve::ServedModel& model;
  serve::RequestLimits limits;
  ScoreQueue& queue;
  // Sets the tokens of a row; an error of the row goes into row.error.
  std::function<void(const serve::ScoreInput& input, scoring::ScoreRow& row)> encode;
  // Runs work away from the queue's thread.
  std::function<void(std::function<void()>)> post;
  std::function<void(const std::string& path, double seconds)> add_latency;
  std::string queue_limits = {};  // for the message of 429: options and their values
};

// `context` outlives the request: the server drains before it goes. `arrived`: when its body was complete.
// Returns when the rows are queued.
void start_request(const RequestContext& context, const serve::Protocol& protocol,
                   std::shared_ptr<serve::Exchange> exchange, std::chrono::steady_clock::time_point arrived);

// 429 or 503 with Retry-After.
serve::HttpAnswer retry_later(const serve::Protocol& protocol, int status, std::chrono::seconds after,
                              const std::string& reason);

}  // namespace armorm::stages::serving
