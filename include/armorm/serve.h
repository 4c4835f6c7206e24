// serve: an HTTP server that scores conversations with an ArmoRM, with the same bits as score.
#pragma once

#include <cstdint>
#include <string>

#include "armorm/export.h"
#include "armorm/reward_scorer.h"
#include "armorm/stop.h"

namespace armorm {

// `serve --help` says what each field means; the comments here say which values it may have.
struct ServeOptions : ScorerOptions {
  std::string listen = "127.0.0.1:8000";  // HOST:PORT, [IPv6]:PORT; port 0 = any free one
  std::string served_model_name = {};     // empty = the name of model_path
  std::string api_key_file = {};          // empty = no keys; one per line otherwise, at least one
  std::string prompt_cache = "1GiB";      // bytes; 0 = none
  std::int64_t max_wait_ms = 5;           // >= 0
  std::int64_t max_rows = 1024;           // of a request, >= 1
  std::int64_t max_body_mb = 64;          // 2^20 bytes, >= 1
  std::int64_t max_queue_rows = 8192;     // >= 1
  std::int64_t max_queue_s = 60;          // >= 1
  std::int64_t max_connections = 1024;    // >= 1
  std::int64_t max_streams = 16;          // >= 1
  std::int64_t read_timeout_s = 30;       // >= 1
  std::int64_t write_timeout_s = 30;      // >= 1
  std::int64_t idle_timeout_s = 75;       // >= 1
  std::int64_t drain_s = 30;              // >= 0

  ARMORM_API void validate() const;  // usage errors
};

// Loads the model and answers requests until it is asked to stop; it then refuses new work, and answers what
// it has within `drain_s`. SIGHUP reads `api_key_file` again. Throws Error: usage for invalid options, io
// when the port is taken, and what RewardScorer::load() throws; interrupted when requests were left
// unanswered. One run at a time in a process.
ARMORM_API void run_serve(const ServeOptions& options, const StopRequested& stop_requested = {});

}  // namespace armorm
