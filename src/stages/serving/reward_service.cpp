#include "stages/serving/reward_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "core/strings.h"
#include "model/prefix_cache.h"
#include "serve/http_head.h"
#include "serve/openapi.h"
#include "serve/protocols/protocols.h"

namespace armorm::stages::serving {
namespace {

using serve::HttpAnswer;
using serve::HttpHead;
using serve::HttpRoute;
using serve::plain_error;

constexpr std::chrono::seconds kWhileLoading{5};
constexpr int kMeasuredWords = 100;
constexpr std::size_t kMostOfUnreadBody = 4096;  // of a path that takes none
constexpr const char* kReadMethods = "GET, HEAD";
constexpr std::array<std::string_view, 5> kReadPaths{"/health", "/ready", "/metrics", "/openapi.json",
                                                     "/v1/models"};

HttpRoute refuse(HttpAnswer answer) {
  HttpRoute route;
  route.refusal = std::make_unique<HttpAnswer>(std::move(answer));
  return route;
}

HttpRoute reply(HttpAnswer answer) {
  HttpRoute route;
  route.max_body_bytes = kMostOfUnreadBody;
  route.handle = [answer = std::move(answer)](const std::shared_ptr<serve::Exchange>& exchange) {
    exchange->answer(answer);
  };
  return route;
}

HttpAnswer with_retry(HttpAnswer answer, std::chrono::seconds after) {
  answer.headers.emplace_back("Retry-After", std::to_string(after.count()));
  return answer;
}

bool is_read(const HttpHead& head) { return head.method == "GET" || head.method == "HEAD"; }

HttpRoute wrong_method(const char* allowed) {
  HttpAnswer answer = plain_error(405, fmt::format("this path takes {}", allowed));
  answer.headers.emplace_back("Allow", allowed);
  return refuse(std::move(answer));
}

HttpRoute unauthorised() {
  HttpAnswer answer = plain_error(401, "an API key is needed: send 'Authorization: Bearer <key>'");
  answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  return refuse(std::move(answer));
}

// Of a conversation of ordinary length, scored for the second time; 0 where it cannot be scored.
double measure_speed(scoring::Scorer& scorer) {
  std::string text;
  for (int i = 0; i < kMeasuredWords; ++i) text += fmt::format("word{} ", i);
  double seconds = 0.0;
  std::vector<scoring::ScoreRow> rows;
  for (int round = 0; round < 2; ++round) {
    rows.assign(1, {});
    scoring::fill_row(rows.front(), [&](scoring::ScoreRow& row) {
      scorer.encode({{"user", fmt::format("{}{}", round, text)}, {"assistant", text}}, row);
    });
    if (!rows.front().error.empty()) return 0.0;
    const auto begin = std::chrono::steady_clock::now();
    (void)scorer.score(rows);
    seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }
  return static_cast<double>(rows.front().tokens.size()) / std::max(seconds, 1e-6);
}

QueueOptions queue_options(const ServeOptions& options, scoring::Scorer& scorer) {
  return {.max_wait = std::chrono::milliseconds(options.max_wait_ms),
          .batch_tokens = scorer.batch_tokens(),
          .max_rows = options.max_queue_rows,
          .max_delay = std::chrono::seconds(options.max_queue_s),
          .tokens_per_second = measure_speed(scorer)};
}

serve::ScoreOutput output_of(const scoring::ScoreRow& row, const gating::HeadScores& scores, std::size_t k) {
  serve::ScoreOutput output;
  output.error = row.error;
  output.is_server_fault = !row.error.empty();  // rows that the client sent wrongly are not queued
  output.tokens = std::ssize(row.tokens);
  output.no_final_answer = row.no_final_answer;
  output.special_in_content = row.special_in_content;
  output.open_answer = row.open_answer;
  if (!row.error.empty()) return output;
  const auto values = [&](const std::vector<float>& matrix) {
    const auto begin = matrix.begin() + static_cast<std::ptrdiff_t>(row.result * k);
    return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(k));
  };
  output.score = scores.score[row.result];
  output.rewards = values(scores.rewards);
  output.gate = values(scores.gate);
  output.contributions = values(scores.contributions);
  output.coefficients = values(scores.coefficients);
  return output;
}

}  // namespace

// All that needs the model.
struct RewardService::Engine {
  Engine(const ServeOptions& options, scoring::Scorer& given, serve::ServedModel served, Metrics& metrics)
      : scorer(given),
        model(std::move(served)),
        notes(options.allow_special_in_content),
        queue([this, &metrics](std::vector<scoring::ScoreRow>& rows) { return score(rows, metrics); },
              queue_options(options, scorer)),
        workers(scorer.threads()),
        context{
            .model = model,
            .limits = {.max_rows = options.max_rows},
            .queue = queue,
            .encode = [this](const serve::ScoreInput& input, scoring::ScoreRow& row) { encode(input, row); },
            .post = [this](std::function<void()> task) { workers.post(std::move(task)); },
            .add_latency = [&metrics](const std::string& path,
                                      double seconds) { metrics.add_latency(path, seconds); },
            .queue_limits = fmt::format("the queue is full: --max_queue_rows {}, --max_queue_s {}",
                                        options.max_queue_rows, options.max_queue_s)} {}

  ~Engine() { queue.stop(); }  // it posts to the workers
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  std::vector<serve::ScoreOutput> score(std::vector<scoring::ScoreRow>& rows, Metrics& metrics) {
    const gating::HeadScores scores = scorer.score(rows);
    const model::PrefixCache* cache = scorer.prompt_cache();
    metrics.set_extraction(scorer.stats(), cache == nullptr ? 0 : cache->bytes());
    std::vector<serve::ScoreOutput> outputs;
    for (const scoring::ScoreRow& row : rows)
      outputs.push_back(output_of(row, scores, model.attributes.size()));
    return outputs;
  }

  void encode(const serve::ScoreInput& input, scoring::ScoreRow& row) {
    scoring::fill_row(row, [&](scoring::ScoreRow& filled) {
      if (input.rendered)
        scorer.encode_rendered(*input.rendered, filled);
      else
        scorer.encode_row(input.conversation, filled);
    });
    notes.take(row);
  }

  scoring::Scorer& scorer;
  serve::ServedModel model;
  RowNotes notes;
  ScoreQueue queue;
  TaskThreads workers;  // its tasks use the queue
  RequestContext context;
};

RewardService::RewardService(const ServeOptions& options)
    : options_(options),
      protocols_(serve::protocols::all()),
      keys_(options.api_key_file.empty() ? ApiKeys() : ApiKeys(options.api_key_file)) {}

RewardService::~RewardService() = default;

void RewardService::open(scoring::Scorer& scorer, serve::ServedModel model) {
  engine_ = std::make_unique<Engine>(options_, scorer, std::move(model), metrics_);
  streams_ = std::make_unique<RowStreams>(
      engine_->context,
      RowStreamOptions{.max_streams = options_.max_streams,
                       .max_line_bytes = static_cast<std::size_t>(options_.max_body_mb) << 20});
  open_ = engine_.get();
}

void RewardService::close() { closing_ = true; }

HttpRoute RewardService::route(const HttpHead& head) {
  if (head.path == "/health")
    return is_read(head) ? reply({200, "application/json", "{\"status\":\"ok\"}\n"})
                         : wrong_method(kReadMethods);
  if (head.path == "/ready") return is_read(head) ? reply(readiness()) : wrong_method(kReadMethods);
  if (!keys_.allows(head.header("Authorization"))) return unauthorised();
  if (const serve::Protocol* protocol = find(head.path)) return route_protocol(*protocol, head);
  return route_get(head);
}

HttpAnswer RewardService::readiness() const {
  const std::string reason = not_ready();
  if (reason.empty()) return {200, "application/json", "{\"status\":\"ready\"}\n"};
  return with_retry(plain_error(503, reason), kWhileLoading);
}

// Paths that are not the server's share a label: clients cannot make any number of them.
void RewardService::count(const std::string& path, int status) {
  const bool known = find(path) != nullptr || std::ranges::find(kReadPaths, path) != kReadPaths.end();
  metrics_.count_answer(known ? path : "other", status);
}

HttpRoute RewardService::route_get(const HttpHead& head) const {
  if (std::ranges::find(kReadPaths, head.path) == kReadPaths.end())
    return refuse(plain_error(404, unknown_path(head.path)));
  if (!is_read(head)) return wrong_method(kReadMethods);
  if (head.path == "/openapi.json") return reply({200, "application/json", serve::openapi_text()});
  const Engine* engine = open_;
  if (head.path == "/v1/models")
    return engine == nullptr ? refuse(with_retry(plain_error(503, not_ready()), kWhileLoading))
                             : reply(serve::models_answer(engine->model));
  const serve::HttpServer* server = server_;
  return reply({200, "text/plain; version=0.0.4; charset=utf-8",
                metrics_.text(engine == nullptr ? QueueCounts{} : engine->queue.counts(),
                              engine == nullptr ? RowNoteCounts{} : engine->notes.counts(),
                              server == nullptr ? serve::HttpCounts{} : server->counts())});
}

HttpRoute RewardService::route_protocol(const serve::Protocol& protocol, const HttpHead& head) {
  if (head.method != "POST") return wrong_method("POST");
  if (std::optional<HttpAnswer> refused = refusal(protocol, head)) return refuse(std::move(*refused));
  if (protocol.streams(head)) return start_stream(protocol);
  Engine* engine = open_;
  HttpRoute route;
  route.handle = [engine, &protocol](std::shared_ptr<serve::Exchange> exchange) {
    const auto arrived = std::chrono::steady_clock::now();
    engine->workers.post([engine, &protocol, exchange = std::move(exchange), arrived] {
      start_request(engine->context, protocol, exchange, arrived);
    });
  };
  return route;
}

// Before the body is read.
std::optional<HttpAnswer> RewardService::refusal(const serve::Protocol& protocol, const HttpHead& head) {
  const Engine* engine = open_;
  if (engine == nullptr || closing_) return retry_later(protocol, 503, kWhileLoading, not_ready());
  if (const std::string reason = not_ready(); !reason.empty())
    return retry_later(protocol, 503, kWhileLoading, reason);
  if (auto refused = serve::unreadable_body(head)) return protocol.failure(*refused);
  if (const auto other = serve::other_fingerprint(head, engine->model)) return protocol.failure(*other);
  if (const auto after = engine->queue.overload())
    return retry_later(protocol, 429, *after, engine->context.queue_limits);
  return std::nullopt;
}

HttpRoute RewardService::start_stream(const serve::Protocol& protocol) {
  HttpRoute route;
  std::shared_ptr<RowStreams::Place> place = streams_->enter();
  if (place == nullptr)
    return refuse(retry_later(protocol, 429, kWhileLoading,
                              fmt::format("--max_streams ({}) streams are open", options_.max_streams)));
  route.body = HttpRoute::Body::streamed;
  route.handle = [this, place = std::move(place)](std::shared_ptr<serve::Exchange> exchange) {
    streams_->start(place, std::move(exchange));
  };
  return route;
}

const serve::Protocol* RewardService::find(const std::string& path) const {
  const auto found = std::ranges::find_if(protocols_, [&](const auto& p) { return p->path() == path; });
  return found == protocols_.end() ? nullptr : found->get();
}

std::string RewardService::unknown_path(const std::string& path) const {
  std::vector<std::string_view> paths;
  for (const auto& protocol : protocols_) paths.push_back(protocol->path());
  return fmt::format("{}: no such path; expected {}, /v1/models, /health, /ready, /metrics or /openapi.json",
                     shown(path), fmt::join(paths, ", "));
}

std::string RewardService::not_ready() const {
  if (closing_) return "the server is shutting down";
  const Engine* engine = open_;
  if (engine == nullptr) return "the model is being loaded";
  return engine->queue.failure().empty()
             ? ""
             : "the model's files cannot be read any longer; the server's log has the reason";
}

}  // namespace armorm::stages::serving
