#include "stages/serving/score_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/error.h"
#include "core/log.h"

namespace armorm::stages::serving {
namespace {

using Clock = std::chrono::steady_clock;

class Request : public std::enable_shared_from_this<Request> {
 public:
  Request(const RequestContext& context, const serve::Protocol& protocol,
          std::shared_ptr<serve::Exchange> exchange, Clock::time_point arrived)
      : context_(context), protocol_(protocol), exchange_(std::move(exchange)), arrived_(arrived) {}

  void start() {
    try {
      call_ = protocol_.parse(exchange_->head(), exchange_->body(), context_.model, context_.limits);
      const std::string& query = exchange_->head().query;
      if (!query.empty()) call_->ignored.push_back("?" + query);
      queue_rows();
    } catch (const serve::RequestError& error) {
      answer(protocol_.failure(error));
    } catch (const std::exception& error) {
      log::error("{}: internal error: {}", protocol_.path(), error.what());
      answer(protocol_.failure({500, "internal error; the server's log has the reason"}));
    }
  }

 private:
  void queue_rows() {
    outputs_.resize(call_->rows.size());
    std::vector<Job> jobs;
    for (std::size_t i = 0; i < call_->rows.size() && !exchange_->disconnected(); ++i) add_job(i, jobs);
    if (jobs.empty()) return finish();
    missing_ = jobs.size();
    if (const auto retry = context_.queue.add(std::move(jobs)))
      answer(retry_later(protocol_, 429, *retry, context_.queue_limits));
  }

  void add_job(std::size_t i, std::vector<Job>& jobs) {
    serve::ScoreInput& input = call_->rows[i];
    Job job;
    if (input.error.empty())
      context_.encode(input, job.row);
    else
      job.row.error = input.error;
    std::ranges::move(job.row.unused, std::back_inserter(input.unused));
    if (!job.row.error.empty()) {
      outputs_[i].error = job.row.error;
      return;
    }
    const std::shared_ptr<Request> self = shared_from_this();
    job.dropped = [self] { return self->exchange_->disconnected(); };
    job.done = [self, i](serve::ScoreOutput output) { self->take(i, std::move(output)); };
    jobs.push_back(std::move(job));
  }

  // Rows come one after another, from one thread.
  void take(std::size_t i, serve::ScoreOutput output) {
    outputs_[i] = std::move(output);
    if (--missing_ == 0) context_.post([self = shared_from_this()] { self->finish(); });
  }

  void finish() {
    if (exchange_->disconnected()) return;
    serve::HttpAnswer scores = protocol_.answer(*call_, outputs_, context_.model);
    answer(serve::with_warnings(serve::with_ignored(std::move(scores), *call_), outputs_));
  }

  void answer(serve::HttpAnswer answer) {
    if (answered_.exchange(true)) return;
    const double seconds = std::chrono::duration<double>(Clock::now() - arrived_).count();
    context_.add_latency(std::string(protocol_.path()), seconds);
    exchange_->answer(std::move(answer));
  }

  const RequestContext& context_;
  const serve::Protocol& protocol_;
  std::shared_ptr<serve::Exchange> exchange_;
  std::unique_ptr<serve::ScoreCall> call_;
  std::vector<serve::ScoreOutput> outputs_;  // by row
  std::atomic<std::size_t> missing_ = 0;
  std::atomic<bool> answered_ = false;
  Clock::time_point arrived_;
};

}  // namespace

void start_request(const RequestContext& context, const serve::Protocol& protocol,
                   std::shared_ptr<serve::Exchange> exchange, std::chrono::steady_clock::time_point arrived) {
  std::make_shared<Request>(context, protocol, std::move(exchange), arrived)->start();
}

serve::HttpAnswer retry_later(const serve::Protocol& protocol, int status, std::chrono::seconds after,
                              const std::string& reason) {
  serve::HttpAnswer answer =
      protocol.failure({status, fmt::format("{}; try again in {} s", reason, after.count())});
  answer.headers.emplace_back("Retry-After", std::to_string(after.count()));
  return answer;
}

}  // namespace armorm::stages::serving
