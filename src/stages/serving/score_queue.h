// Rows of many requests, scored together: a queue, and the thread that takes batches from it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "serve/protocol.h"
#include "stages/scoring/score_rows.h"

namespace armorm::stages::serving {

// A row that waits, or is being scored.
struct Job {
  scoring::ScoreRow row;
  std::function<bool()> dropped;                 // nobody waits for it any longer; may be empty
  std::function<void(serve::ScoreOutput)> done;  // called once, on the queue's thread, unless it was dropped
  std::chrono::steady_clock::time_point arrived = std::chrono::steady_clock::now();
};

struct QueueOptions {
  std::chrono::milliseconds max_wait{5};  // for further rows, while nothing is computed
  std::int64_t batch_tokens = 2048;       // at which a batch is full; prompts that rows share count once
  std::int64_t max_rows = 8192;           // that wait before a request
  std::chrono::seconds max_delay{60};     // that a row may be expected to wait, by the measured speed
  double tokens_per_second = 0.0;         // before the first batch; 0 = unknown, and max_delay waits for it
};

struct QueueCounts {
  std::int64_t waiting_rows = 0;    // now
  std::int64_t waiting_tokens = 0;  // now
  std::int64_t batches = 0;         // of all time, like those below
  std::int64_t rows = 0;            // with a score
  std::int64_t tokens = 0;
  std::int64_t dropped_rows = 0;
  std::int64_t failed_rows = 0;  // without one, for a reason that is not theirs
  double seconds = 0.0;          // of computing
};

// Thread-safe.
class ScoreQueue {
 public:
  // Scores the rows; one output for each, in order. Called on the queue's thread. An Error of it fails the
  // rows of its batch; of kind data or io, the queue also refuses everything from then on: the model's files
  // are no longer what they were.
  using Score = std::function<std::vector<serve::ScoreOutput>(std::vector<scoring::ScoreRow>& rows)>;
  ScoreQueue(Score score, QueueOptions options);
  ~ScoreQueue();  // stop()
  ScoreQueue(const ScoreQueue&) = delete;
  ScoreQueue& operator=(const ScoreQueue&) = delete;

  // Waits for the batch that is being scored. What waits, and what is added from then on, is dropped.
  void stop();

  // All of the jobs, or none: then the seconds after which a client may try again.
  std::optional<std::chrono::seconds> add(std::vector<Job> jobs);
  // Waits for room instead. false when the queue ends, or all of the jobs are dropped.
  bool add_when_possible(Job job);

  // The seconds that further rows would have to wait, if they are too many.
  std::optional<std::chrono::seconds> overload() const;
  std::string failure() const;  // why everything is refused; empty if it is not
  QueueCounts counts() const;

 private:
  using Clock = std::chrono::steady_clock;
  void run();
  bool wait_for_batch(std::unique_lock<std::mutex>& lock);
  std::vector<Job> take_batch();
  void score_batch(std::vector<Job> jobs);
  std::vector<serve::ScoreOutput> outputs_of(std::vector<Job>& jobs);
  static std::vector<serve::ScoreOutput> failed(std::size_t rows, const std::string& reason);
  std::optional<std::chrono::seconds> overload_of() const;
  void count(const std::vector<Job>& jobs, const std::vector<serve::ScoreOutput>& outputs, double seconds);
  void push(Job job);

  Score score_;
  QueueOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;  // guarded by mutex_, like the members below
  QueueCounts counts_;
  std::int64_t tokens_in_work_ = 0;
  double tokens_per_second_ = 0.0;  // of recent batches; 0 = not measured
  std::string failure_;
  bool stopping_ = false;
  std::thread thread_;  // last member: it uses all of the above
};

}  // namespace armorm::stages::serving
