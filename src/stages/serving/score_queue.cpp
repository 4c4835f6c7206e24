#include "stages/serving/score_queue.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>
#include <utility>

#include "core/error.h"
#include "core/log.h"

namespace armorm::stages::serving {
namespace {

using std::chrono::seconds;

// Weight of the newest batch in the speed.
constexpr double kNewest = 0.2;
constexpr seconds kLongestRetry{60};

std::int64_t tokens_of(const Job& job) { return std::ssize(job.row.tokens); }

bool is_dropped(const Job& job) { return job.dropped && job.dropped(); }

// What rows add to a batch: a prompt that an earlier row of it has is computed once.
class BatchTokens {
 public:
  std::int64_t with(const scoring::ScoreRow& row) {
    const auto prompt = static_cast<std::size_t>(row.gating);
    const bool known = !prompts_.insert(hash_of(row, prompt)).second;
    tokens_ += std::ssize(row.tokens) - (known ? row.gating : 0);
    return tokens_;
  }

 private:
  // An equal hash of another prompt makes a batch larger than it should be, and no more.
  static std::uint64_t hash_of(const scoring::ScoreRow& row, std::size_t prompt) {
    std::uint64_t hash = 14695981039346656037U;  // FNV-1a
    for (std::size_t i = 0; i < prompt; ++i)
      hash = (hash ^ static_cast<std::uint64_t>(row.tokens[i])) * 1099511628211U;
    return hash;
  }
  std::unordered_set<std::uint64_t> prompts_;
  std::int64_t tokens_ = 0;
};

}  // namespace

ScoreQueue::ScoreQueue(Score score, QueueOptions options)
    : score_(std::move(score)),
      options_(options),
      tokens_per_second_(options.tokens_per_second),
      thread_([this] { run(); }) {}

ScoreQueue::~ScoreQueue() { stop(); }

void ScoreQueue::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::optional<seconds> ScoreQueue::add(std::vector<Job> jobs) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto retry = overload_of()) return retry;
    for (Job& job : jobs) push(std::move(job));
  }
  changed_.notify_all();
  return std::nullopt;
}

bool ScoreQueue::add_when_possible(Job job) {
  std::unique_lock lock(mutex_);
  while (!stopping_ && failure_.empty() && !is_dropped(job) && overload_of())
    changed_.wait_for(lock, std::chrono::milliseconds(100));
  if (stopping_ || !failure_.empty() || is_dropped(job)) return false;
  push(std::move(job));
  lock.unlock();
  changed_.notify_all();
  return true;
}

void ScoreQueue::push(Job job) {
  counts_.waiting_rows += 1;
  counts_.waiting_tokens += tokens_of(job);
  jobs_.push_back(std::move(job));
}

// The limits hold for what waits before the new rows, so that an idle server takes any request, and a busy
// one takes large requests as well as small ones.
std::optional<seconds> ScoreQueue::overload_of() const {
  if (counts_.waiting_rows == 0) return std::nullopt;
  const double delay =
      tokens_per_second_ > 0.0
          ? static_cast<double>(tokens_in_work_ + counts_.waiting_tokens) / tokens_per_second_
          : 0.0;
  const bool fits = counts_.waiting_rows < options_.max_rows;
  if (fits && delay <= static_cast<double>(options_.max_delay.count())) return std::nullopt;
  // Until half of what waits is done.
  const double half =
      tokens_per_second_ > 0.0 ? static_cast<double>(counts_.waiting_tokens) / tokens_per_second_ / 2.0 : 1.0;
  return std::clamp(seconds(std::llround(std::ceil(half))), seconds(1), kLongestRetry);
}

std::optional<seconds> ScoreQueue::overload() const {
  const std::lock_guard lock(mutex_);
  return overload_of();
}

std::string ScoreQueue::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

QueueCounts ScoreQueue::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void ScoreQueue::run() {
  for (;;) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      if (!wait_for_batch(lock)) return;
      jobs = take_batch();
    }
    changed_.notify_all();
    if (!jobs.empty()) score_batch(std::move(jobs));
  }
}

// Until there is a full batch, or the first row has waited long enough. false at the end.
bool ScoreQueue::wait_for_batch(std::unique_lock<std::mutex>& lock) {
  changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
  if (stopping_) return false;
  const auto deadline = jobs_.front().arrived + options_.max_wait;
  changed_.wait_until(lock, deadline,
                      [this] { return stopping_ || counts_.waiting_tokens >= options_.batch_tokens; });
  return !stopping_;
}

// In order of arrival. At least one row, then others until the batch is full.
std::vector<Job> ScoreQueue::take_batch() {
  std::vector<Job> batch;
  BatchTokens tokens;
  while (!jobs_.empty()) {
    const bool dropped = is_dropped(jobs_.front());
    if (!dropped && tokens.with(jobs_.front().row) > options_.batch_tokens && !batch.empty()) break;
    counts_.waiting_rows -= 1;
    counts_.waiting_tokens -= tokens_of(jobs_.front());
    counts_.dropped_rows += dropped ? 1 : 0;
    if (!dropped) {
      tokens_in_work_ += tokens_of(jobs_.front());
      batch.push_back(std::move(jobs_.front()));
    }
    jobs_.pop_front();
  }
  return batch;
}

void ScoreQueue::score_batch(std::vector<Job> jobs) {
  const auto begin = Clock::now();
  std::vector<serve::ScoreOutput> outputs = outputs_of(jobs);
  count(jobs, outputs, std::chrono::duration<double>(Clock::now() - begin).count());
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].done(std::move(outputs[i]));
}

std::vector<serve::ScoreOutput> ScoreQueue::outputs_of(std::vector<Job>& jobs) {
  std::vector<scoring::ScoreRow> rows;
  for (Job& job : jobs) rows.push_back(std::move(job.row));
  std::vector<serve::ScoreOutput> outputs;
  try {
    outputs = score_(rows);
  } catch (const Error& error) {
    outputs = failed(jobs.size(), error.what());
    if (error.kind() == ErrorKind::data || error.kind() == ErrorKind::io) {
      const std::lock_guard lock(mutex_);
      failure_ = error.what();
    }
  } catch (const std::exception& error) {
    outputs = failed(jobs.size(), error.what());
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) jobs[i].row = std::move(rows[i]);
  return outputs;
}

std::vector<serve::ScoreOutput> ScoreQueue::failed(std::size_t rows, const std::string& reason) {
  log::error("{} rows could not be scored: {}", rows, reason);
  serve::ScoreOutput output;
  output.error = "the server failed to score it; its log has the reason";  // which may name files
  output.is_server_fault = true;
  return std::vector<serve::ScoreOutput>(rows, output);
}

void ScoreQueue::count(const std::vector<Job>& jobs, const std::vector<serve::ScoreOutput>& outputs,
                       double seconds) {
  const auto scored = std::ranges::count_if(outputs, [](const auto& output) { return output.error.empty(); });
  std::int64_t tokens = 0;
  for (const Job& job : jobs) tokens += tokens_of(job);
  const double speed = static_cast<double>(tokens) / std::max(seconds, 1e-6);
  const std::lock_guard lock(mutex_);
  if (scored > 0)  // a failure is no measure of the speed
    tokens_per_second_ =
        tokens_per_second_ > 0.0 ? tokens_per_second_ + kNewest * (speed - tokens_per_second_) : speed;
  tokens_in_work_ = 0;
  counts_.batches += 1;
  counts_.rows += scored;
  counts_.failed_rows += std::ssize(jobs) - scored;
  counts_.tokens += tokens;
  counts_.seconds += seconds;
}

}  // namespace armorm::stages::serving
