// The paths of the reward server: what is answered at once, what is refused, and what becomes rows to score.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "armorm/serve.h"
#include "serve/http_server.h"
#include "serve/protocol.h"
#include "stages/scoring/scorer.h"
#include "stages/serving/api_keys.h"
#include "stages/serving/metrics.h"
#include "stages/serving/row_stream.h"
#include "stages/serving/score_queue.h"
#include "stages/serving/score_request.h"
#include "stages/serving/task_threads.h"

namespace armorm::stages::serving {

// Answers /health, /ready and /metrics from the start; the others when open() was called.
class RewardService {
 public:
  explicit RewardService(const ServeOptions& options);
  ~RewardService();  // after the server, whose requests refer to it

  serve::HttpRoute route(const serve::HttpHead& head);  // thread-safe

  // The model is loaded: from now on `scorer`, which outlives the service, answers.
  void open(scoring::Scorer& scorer, serve::ServedModel model);
  void count(const std::string& path, int status);  // an answer
  void close();                                     // further requests get 503
  void reload_keys() { keys_.reload(); }
  void watch(const serve::HttpServer& server) { server_ = &server; }  // for the metrics

 private:
  struct Engine;
  serve::HttpAnswer readiness() const;
  serve::HttpRoute route_get(const serve::HttpHead& head) const;
  serve::HttpRoute route_protocol(const serve::Protocol& protocol, const serve::HttpHead& head);
  std::optional<serve::HttpAnswer> refusal(const serve::Protocol& protocol, const serve::HttpHead& head);
  serve::HttpRoute start_stream(const serve::Protocol& protocol);
  const serve::Protocol* find(const std::string& path) const;
  std::string unknown_path(const std::string& path) const;
  std::string not_ready() const;

  const ServeOptions& options_;
  std::vector<std::unique_ptr<serve::Protocol>> protocols_;
  ApiKeys keys_;
  Metrics metrics_;
  std::atomic<const serve::HttpServer*> server_ = nullptr;
  std::unique_ptr<Engine> engine_;
  std::atomic<Engine*> open_ = nullptr;  // once the model is loaded
  std::atomic<bool> closing_ = false;
  std::unique_ptr<RowStreams> streams_;
};

}  // namespace armorm::stages::serving
